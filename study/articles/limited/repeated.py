"""Repeated text, and one law for it, for Go and for the points of Muennighoff et al."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis import repeated
from study.analysis.repeated import SYMBOLS, WORTH, Repeated, Summary
from study.analysis.tables import groups
from study.articles.limited.data import TEXTS, Limited, law_of_ended, law_of_text
from study.articles.shared import style, text, words
from study.articles.verdict import with_interval
from study.laws.datablations import HALF_LIFE
from study.laws.published import DATABLATIONS

if TYPE_CHECKING:
    from IPython.display import Markdown

NO_TEXT = f"The grid {TEXTS[0]} is not recorded yet."
PUBLISHED = "C4, as published"
SHOWN = {"E": "$E$", "alpha": r"$\alpha$", "beta": r"$\beta$", "R_D": "$R_D^*$", "R_N": "$R_N^*$"}
EPOCHS = np.geomspace(1, 64, 60)
FOURTH, SIXTEENTH = 4, 16
NOTHING = 0.001  # epochs: a worth below it is an extrapolation to nought


@style.drawn
def by_epochs(study: Limited) -> Figure:
    """Loss against epochs by amount of text at each size, with the law and what its size shares; runs not fitted are hollow."""
    found = law_of_text(study)
    if found is None:
        return style.note(NO_TEXT)
    every = study.on_the_first
    sizes = groups(every, "N")
    figure, axes = style.canvas(7.2, 3.0, 1, len(sizes), sharey=True)
    palette = style.budget_colours({_nominal(U) for U in every["unique"]})
    for ax, (N, rows) in zip(np.atleast_1d(axes), sizes, strict=True):
        shared = np.exp(found.posterior.effects[rows[repeated.WIDTH].astype(str).iloc[0]])
        for U, points in groups(rows, "unique"):
            colour, seen = palette[_nominal(U)], found.rows[found.rows["run_id"].isin(points["run_id"])]
            ax.plot(seen["D"] / U, seen["best_loss"], "o", color=colour, ms=4)
            left = points[~points["run_id"].isin(seen["run_id"])]
            ax.plot(left["D"] / U, left["best_loss"], "o", color=colour, ms=4, mfc="none")
            k = np.geomspace(1, max(2.0, float((points["D"] / U).max())), 30)
            style.fan(ax, k, found.surface.loss(N, U * k[:, None], U) * shared, colour, levels=(0.95,))
        style.log_axis(ax, "x", style.plain, most=4)
        style.panel(ax, style.short(N), "epochs")
    for colour, U in ((colour, U) for U, colour in palette.items()):
        np.atleast_1d(axes)[-1].plot([], [], "o", color=colour, ms=4, label=style.short(U))
    figure.legend(fontsize=7, title="unique tokens", title_fontsize=7, loc="outside right upper")
    np.atleast_1d(axes)[0].set_ylabel("loss (nats/token)")
    return figure


def _nominal(unique: float) -> float:
    """An amount of text to one digit: a run that reads it once has a few windows less."""
    return float(f"{unique:.0e}")


@style.drawn
def worth(study: Limited) -> Figure:
    """Epochs of fresh data that so many epochs of the same data are worth, by domain; the published law beside."""
    fits = _fits(study)
    figure, ax = style.canvas(7.0, 3.2)
    ax.plot(EPOCHS, EPOCHS, color=style.FAINT, lw=1)
    published = 1 + DATABLATIONS.R_D * -np.expm1(-(EPOCHS - 1) / DATABLATIONS.R_D)
    ax.plot(EPOCHS, published, color=style.MUTED, lw=1.2, ls="--", label="as published")
    for (name, found), colour in zip(fits.items(), (style.POSTERIOR, style.PREDICTIVE), strict=False):
        style.fan(ax, EPOCHS, repeated.effective_epochs(found, EPOCHS), colour, levels=(0.95,), label=name)
    style.log_axis(ax, "x", style.plain)
    style.log_axis(ax, "y", style.plain)
    ax.legend(fontsize=8)
    style.panel(ax, "", "epochs of the same data", "epochs of fresh data")
    return figure


def stopped(study: Limited) -> str:
    """Of the runs on repeated text, those that were better on their way than any run at its end."""
    found = law_of_text(study)
    return text.ABSENT if found is None else f"{len(study.on_the_first) - len(found.rows)} of {len(study.on_the_first)}"


def most(study: Limited) -> str:
    """How often text is read at most."""
    return f"{study.on_the_first['epochs'].max():.0f}" if len(study.on_the_first) else text.ABSENT


def tokens_of_windows(study: Limited) -> str:
    """Tokens that some runs draw as windows from all of the text, and others read as its first."""
    pairs = _windows(study)
    return text.short(float(pairs["D"].mean())) if len(pairs) else text.ABSENT


def windows(study: Limited) -> str:
    """By how many nats the former end lower, least and most over sizes."""
    pairs = _windows(study)
    lower = pairs["loss_first"] - pairs["loss"]
    return f"{text.two(float(lower.min()))} to {text.two(float(lower.max()))}" if len(pairs) else text.ABSENT


def _windows(study: Limited) -> pd.DataFrame:
    """Pairs of runs of one size that see each token once, within 5 % as many: from all of the text, and on its first tokens."""
    once = repeated.of_the_law(study.text).query("epochs < 1.01")
    pairs = once[once["arm"] == "size"].merge(repeated.on_the_first(once), on="N", suffixes=("", "_first"))
    ratio = pairs["D"].astype(float) / pairs["D_first"].astype(float)
    return pairs[ratio.between(0.95, 1.05)]


def _fits(study: Limited) -> dict[str, Repeated]:
    found = {"Go": law_of_ended(study), "text": law_of_text(study)}
    return {name: one for name, one in found.items() if one is not None}


def _summaries(study: Limited) -> dict[str, Summary]:
    out = {name: repeated.summary(found) for name, found in _fits(study).items()}
    return {**out, "C4, released points": study.published} if study.published else out


def table(study: Limited) -> "Markdown":
    """The law's parameters in each domain with intervals, and how much of the prior's width is left of the half-lives."""
    columns, law = _summaries(study), DATABLATIONS.unconstrained
    if not columns:
        return text.absent("no fit of the law is recorded")
    printed = {"E": law.E, "alpha": law.alpha, "beta": law.beta, "R_D": DATABLATIONS.R_D, "R_N": DATABLATIONS.R_N}
    rows = [{"": SHOWN[name], **{domain: _cell(one, name) for domain, one in columns.items()}, PUBLISHED: text.two(printed[name])}
            for name in SYMBOLS]
    rows += [{"": f"epoch {k}", **{domain: _cell(one, f"epoch {k}") for domain, one in columns.items()},
              PUBLISHED: text.two(float(repeated.worth(DATABLATIONS.R_D, k)))} for k in WORTH]
    rows.append({"": "runs", **{domain: f"{one.rows}" for domain, one in columns.items()}, PUBLISHED: ""})
    return text.table(rows)


def _cell(one: Summary, name: str) -> str:
    low, mid, high = one.percentiles[name]
    mark = "" if one.learned(name) else " (prior)"
    if high < NOTHING:
        return f"< {NOTHING:g}"
    return f"{text.two(mid)} {text.interval(low, high, text.two)}{mark}"


def fourth(study: Limited) -> str:
    """What the fourth epoch of text is worth, in epochs of fresh text."""
    return _worth(law_of_text(study))


def fourth_of_go(study: Limited) -> str:
    """The same of Go positions."""
    return _worth(law_of_ended(study))


def _worth(found: Repeated | None, epoch: int = FOURTH) -> str:
    return text.ABSENT if found is None else with_interval(found.worth(epoch), text.two)


def unlearned(study: Limited) -> str:
    """The half-lives that the runs do not know better than their prior, by domain."""
    names = [f"{SHOWN[name]} of {domain}" for domain, one in _summaries(study).items() for name in ("R_D", "R_N")
             if not one.learned(name)]
    return words.enumeration(names)


def half_life(study: Limited) -> str:
    """R_D* of text."""
    found = law_of_text(study)
    return text.ABSENT if found is None else with_interval(found.theta["R_D"], text.two)


def beside_the_prior(study: Limited) -> str:
    """Where that interval lies beside the prior's."""
    found = law_of_text(study)
    if found is None:
        return "not to be compared with"
    (low, high), (least, most) = text.central(found.theta["R_D"]), _prior()
    if low >= least and high <= most:
        return "inside"
    middle = float(np.median(found.theta["R_D"]))
    if middle < least:
        return "below" if high < least else "mostly below"
    if middle > most:
        return "above" if low > most else "mostly above"
    return "partly outside"


def second(study: Limited) -> str:
    """What the second epoch of text is worth."""
    return _worth(law_of_text(study), 2)


def share() -> str:
    """Of the prior's s.d. on a logarithm, left in the posterior: from there on a parameter is not known."""
    return text.percent(repeated.LEARNED)


def prior() -> str:
    """The half-lives' prior 95 % interval."""
    return text.interval(*_prior(), text.two)


def _prior() -> tuple[float, float]:
    low, high = (float(np.exp(HALF_LIFE.mu + z * HALF_LIFE.sigma)) for z in (-1.96, 1.96))
    return low, high


def same_law(study: Limited) -> str:
    """Whether the worth of the fourth epoch of Go and of text have intervals that overlap."""
    go, of_text = law_of_ended(study), law_of_text(study)
    if go is None or of_text is None:
        return "cannot be compared yet"
    difference = go.worth(FOURTH)[: len(of_text.worth(FOURTH))] - of_text.worth(FOURTH)[: len(go.worth(FOURTH))]
    low, high = text.central(difference)
    return "cannot be told apart" if low <= 0 <= high else "differ"


def published_half_life() -> str:
    """As published."""
    return f"{DATABLATIONS.R_D:.1f}"


def refitted_half_life(study: Limited) -> str:
    """From the released points, by this study's machinery."""
    return text.ABSENT if study.published is None else _cell(study.published, "R_D")


def published_fourth() -> str:
    """What the fourth epoch is worth as published."""
    return text.two(float(repeated.worth(DATABLATIONS.R_D, FOURTH)))


def sixteenth() -> str:
    """What the sixteenth epoch is worth as published."""
    return text.two(float(repeated.worth(DATABLATIONS.R_D, SIXTEENTH)))


def refitted_sixteenth(study: Limited) -> str:
    """And by this study's fit of the released points."""
    return text.ABSENT if study.published is None else _cell(study.published, f"epoch {SIXTEENTH}")
