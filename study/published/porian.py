"""Porian et al.'s isoFLOP points, optimal pairs and power-law fits along their chain of corrections.

The repository publishes them as pickled data frames alone (data/summary_df*.pickle.xz); its notebook holds no output and none
of its commits holds them in another format. No pickle is loaded here, so these tables have no origin: they come from a local
folder, whose CSV files were extracted from those pickles.
"""

import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, PublishedTable, csv

_NAMES = {"flops": "C", "n": "N", "tokens": "D", "n_opt": "N_opt", "tokens_opt": "D_opt"}
_CONFIGURATION = "source, dataset (rw, owt2), hparams, warmup, decay, param_count, val: the configuration"


def parse(content: bytes) -> pd.DataFrame:
    """The columns of the extracted file, the common ones by their common names.

    The five steps of their figure 1 are the rows with source "summary_df" and dataset "rw", in the order of the file.
    """
    return csv(content).rename(columns=_NAMES)


def _table(name: str, path: str, sha256: str, columns: str, *entries: Entry) -> PublishedTable:
    return PublishedTable(
        name=name,
        origin=None,
        folder=File("formll/resolving-scaling-law-discrepancies", "0dc60d91b8a525858a3067fc9e4a46ff5374cc6f", path, sha256, parse),
        licence="MIT",
        citation="Porian et al. 2024, Resolving Discrepancies in Compute-Optimal Scaling of Language Models, arXiv 2406.19146",
        columns=f"{_CONFIGURATION}; {columns}",
        N_counts="as param_count says: kaplan without embeddings; standard with the output layer; attention: a sixth of the FLOP a "
                 "token, attention's included",
        loss_unit="nats/token",
        corpus="RefinedWeb (rw), OpenWebText2 (owt2)",
        vocabulary=50_432,
        recipe="as the columns hparams, warmup and decay say",
        entries=entries,
    )


# the steps of their chain: dataset, hparams, warmup, decay, param_count; at "kaplan" and "const" a row is read off a longer curve
STEPS = {"kaplan": ("base", "long", "kaplan", "kaplan"), "head": ("base", "long", "kaplan", "standard"),
         "warmup": ("base", "short", "kaplan", "standard"), "decay": ("base", "short", "chinchilla", "standard"),
         "tuned": ("tuned", "short", "const", "standard")}
CORPORA = {"rw": ("refinedweb", "summary_df"), "owt2": ("openwebtext2", "summary_df_owt2")}
EXPONENTS = {"rw": dict(zip(STEPS, (0.835, 0.706, 0.602, 0.571, 0.497), strict=True)), "owt2": {}}


def step(frame: pd.DataFrame, dataset: str, name: str) -> pd.DataFrame:
    """The isoFLOP points of one step of the chain on one corpus."""
    columns = ["source", "dataset", "hparams", "warmup", "decay", "param_count"]
    wanted = [CORPORA[dataset][1], dataset, *STEPS[name]]
    return frame[(frame[columns] == wanted).all(axis=1)]


def _entry(dataset: str, name: str) -> Entry:
    corpus = CORPORA[dataset][0]
    return Entry(name=f"porian-{corpus}-{name}", laboratory="Porian et al.",
                 N_convention="non_embedding" if name == "kaplan" else "multiplying", corpus=corpus, bytes_per_token=NOMINAL,
                 decayed=name == "decay", tuned=name == "tuned", checkpoints=name != "decay",
                 rows=lambda frame: step(frame, dataset, name), pooled=name in ("decay", "tuned"),
                 known=tuple(("a", a) for key, a in EXPONENTS[dataset].items() if key == name))


TABLES = (
    _table("porian-isoflop", "derived/isoflop_points.csv", "af3e4a2791f4478af8c04ac1bc40a50e69d1d3066815d4ac2275b0358434bbe8",
           "C: isoFLOP budget, FLOP; N; D; loss: interpolated at the budget",
           *(_entry(dataset, name) for dataset in CORPORA for name in STEPS)),
    _table("porian-optimal", "derived/optimal_pairs.csv", "a209eb88b14788d5f70229e960a449c7242ffda859207a4d01b673b0a4a7aaee",
           "C; N_opt; D_opt; tokens_per_param; loss_opt; ln_n_opt_std, loss_opt_ln_std: s.d. of the logarithms"),
    _table("porian-fits", "derived/power_law_fits.csv", "a1bdcff04811beb9ddd40a6704f54cc01c9f2fd73da7abdd10137d67699f372e",
           "n_coef, n_exponent: N_opt = n_coef C^n_exponent; t_*: the same of tokens; multiplier_*: of tokens a parameter; "
           "A, E, alpha: loss_opt = E + A C^-alpha; q025, q975: ends of their bootstrap interval"),
)
