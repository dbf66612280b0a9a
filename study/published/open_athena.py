"""Five tables gathered in Open-Athena's repository: Llama 3's isoFLOP points, Marin's runs, "(Mis)fitting", Chinchilla again.

One CSV a source, with the columns source, provenance, dataset, model, condition, experiment, tokens, params, budget, loss.
Open-Athena states no licence: the files are read where they stand and never shipped.
"""

from functools import partial

import pandas as pd

from study.published.entry import NOMINAL, NOMINAL_LARGE, RELATIVE, Entry
from study.published.fetch import File, PublishedTable, csv

NAMES = {"tokens": "D", "params": "N", "budget": "C"}


def parse(content: bytes, column: str = "", value: str = "") -> pd.DataFrame:
    """N, D, C (the stated budget), loss of the rows whose `column` holds `value`; of all rows without a column."""
    raw = csv(content)
    chosen = raw[raw[column] == value] if column else raw
    return chosen.rename(columns=NAMES)[["N", "D", "C", "loss"]].astype(float).reset_index(drop=True)


def _file(source: str, sha256: str, column: str = "", value: str = "") -> File:
    return File("Open-Athena/scaling-law-analysis", "3e0656ee3dce1a2c89aa67691920f5eb9d30f0fc",
                f"data/isoflops/extract/{source}/isoflops.csv", sha256, partial(parse, column=column, value=value))


def _table(name: str, file: File, citation: str, columns: str, N_counts: str, loss_unit: str, corpus: str, vocabulary: int,
           recipe: str, *entries: Entry) -> PublishedTable:
    return PublishedTable(name=name, origin=file, folder=file, licence="none stated: read from its origin, never shipped",
                          citation=citation, columns=columns, N_counts=N_counts, loss_unit=loss_unit, corpus=corpus,
                          vocabulary=vocabulary, recipe=recipe, entries=entries)


def _llama(condition: str, loss_unit: str, *entries: Entry) -> PublishedTable:
    file = _file("llama_3", "9450f8829778ce8bfb51cc9b18ef121ef18f0c81758cd8fbe74d9dcf0545a692", "condition", f"{condition}_loss")
    return _table(f"llama-3-{condition}", file, "Grattafiori et al. 2024, The Llama 3 Herd of Models, arXiv 2407.21783, figure 2",
                  "N = C / 6D; D: tokens; C: isoFLOP budget; loss. 133 points read off the figure",
                  "what makes C = 6 N D hold", loss_unit, "Llama 3's mixture", 128_256,
                  "Llama 3: cosine decay over the run's tokens", *entries)


def _marin(corpus: str, count: int, *known: tuple[str, float]) -> PublishedTable:
    file = _file("marin_202603", "f2c307ac8152f0df9b2be720bfc5958fdc54688de152e3294cec12da34cfa7f2", "dataset", corpus)
    entry = Entry(name=f"marin-{corpus}", laboratory="Marin", N_convention="total", corpus=corpus, bytes_per_token=NOMINAL_LARGE,
                  decayed=True, tuned=True, known=known)
    return _table(f"marin-{corpus}", file, "Marin isoFLOP runs of March 2026, in Open-Athena/scaling-law-analysis",
                  f"N; D: tokens; C: stated budget, 0.74 to 1.07 times 6 N D; loss: Paloma macro average. {count} runs",
                  "total parameters", "nats/token", corpus, 128_256,
                  "learning rate set by size and decayed over the run's tokens", entry)


TABLES = (
    # a factor between the normalised loss and nats leaves exponents and optima; its exponential obeys another law
    _llama("raw", "normalised negative log-likelihood: nats times a factor that is not stated",
           Entry(name="llama-3", laboratory="Meta", N_convention="total", corpus="Llama 3's mixture",
                 bytes_per_token=NOMINAL_LARGE, decayed=True, tuned=True, shape=None, unit=RELATIVE)),
    _llama("exp", "the exponential of the normalised loss",
           Entry(name="llama-3-exp", laboratory="Meta", N_convention="total", corpus="Llama 3's mixture",
                 bytes_per_token=NOMINAL_LARGE, decayed=True, tuned=True, shape=None, unit="exp(normalised loss)", pooled=False,
                 known=(("alpha", 0.332), ("beta", 0.372), ("a", 0.529)))),
    _marin("comma", 85),
    _marin("dclm", 85, ("alpha", 0.683), ("beta", 0.397), ("a", 0.368)),
    _marin("nemotron", 88),
    _table("misfitting", _file("misfitting", "f35291c4c7a8770b0dc174757a8ba377080023c4be7a46fdf8e13d812917a8f9"),
           "Li et al. 2025, (Mis)Fitting: A Survey of Scaling Laws, arXiv 2502.18969",
           "N; D: tokens; C = 6 N D; loss. 176 runs at 26 budgets", "total parameters", "nats/token", "FineWeb, C4", 50_257,
           "cosine decay; several learning rates, not all near the best",
           Entry(name="misfitting", laboratory="Washington", N_convention="total", corpus="fineweb-c4", bytes_per_token=NOMINAL,
                 decayed=True, tuned=False, known=(("a", 0.78),))),
    _table("chinchilla-scalefit", _file("ml_scalefit", "e9eecba2c7f93050254e577b970495e3ef36db84a39f06fe220b576578e84199"),
           "Hoffmann et al. 2022, figure 4, by the reading of ml-scalefit",
           "N; D: tokens; C: isoFLOP budget; loss. 124 points of nine budgets", "total parameters", "nats/token", "MassiveText",
           32_000, "Hoffmann et al. 2022: cosine decay to a tenth over the run's tokens",
           Entry(name="chinchilla-scalefit", laboratory="DeepMind", N_convention="total", corpus="MassiveText",
                 bytes_per_token=NOMINAL, decayed=True, tuned=True, shape=None, pooled=False,
                 known=(("alpha", 0.36), ("beta", 0.40), ("E", 1.8608)))),
)
