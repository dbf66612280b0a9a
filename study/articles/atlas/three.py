"""Tokens for the target size from none, three and all of this study's runs, and from the lab's three, by prior."""

from typing import TYPE_CHECKING

import numpy as np

from study.articles.atlas import shown
from study.articles.shared import text
from study.atlas.read import Atlas
from study.atlas.tables import MAIN
from study.atlas.target import ALL, LAB, NONE, THREE
from study.laws.errata import TARGET_N

if TYPE_CHECKING:
    from IPython.display import Markdown


def table(atlas: Atlas) -> "Markdown":
    """Tokens for the target size from none, three and all of this study's runs and from the lab's three, by prior."""
    rows = []
    for runs, taken, name in ((MAIN[0], NONE, "no run"), (MAIN[0], THREE, "this study's three cheapest"),
                              (MAIN[0], ALL, "all of this study's"), (LAB, THREE, "the lab's three")):
        for prior in dict.fromkeys((*(["default"] if taken == THREE else []), "atlas", atlas.prior)):
            found = atlas.target(runs, taken, prior)
            rows.append({"runs": name, "prior": shown.named(prior),
                         "largest C (FLOP)": text.power(found["C"]) if found["C"] else text.ABSENT,
                         "tokens": shown.both(found["tokens"], text.short), "decades": text.two(found["decades"]),
                         "k-hat": text.two(found["khat"]) if found["C"] else text.ABSENT})
    return text.table(rows, left=("runs", "prior"))


def _decades(atlas: Atlas, runs: str, taken: str, prior: str) -> str:
    return text.two(atlas.target(runs, taken, prior)["decades"])


def reach(atlas: Atlas) -> str:
    """The largest compute of this study's three runs, and how far it lies below that of the tokens they answer."""
    found = atlas.target(MAIN[0], THREE, atlas.prior)
    wanted = 6 * TARGET_N * found["tokens"]["point"]
    return f"{text.power(found['C'])} FLOP, {text.two(float(np.log10(wanted / found['C'])))} decades below their own answer"


def default(atlas: Atlas) -> str:
    """Decades of the interval from this study's three runs, default prior."""
    return _decades(atlas, MAIN[0], THREE, "default")


def default_lab(atlas: Atlas) -> str:
    """The same from the lab's."""
    return _decades(atlas, LAB, THREE, "default")


def informed(atlas: Atlas) -> str:
    """Decades of the interval from this study's three runs, the prior in use."""
    return _decades(atlas, MAIN[0], THREE, atlas.prior)


def alone(atlas: Atlas) -> str:
    """Decades that the prior in use leaves without a run."""
    return _decades(atlas, MAIN[0], NONE, atlas.prior)


def informed_lab(atlas: Atlas) -> str:
    """The same from the lab's."""
    return _decades(atlas, LAB, THREE, atlas.prior)
