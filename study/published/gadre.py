"""Gadre et al.'s 104 runs on three corpora, from a quarter to 32 times twenty tokens a parameter.

Each run is a JSON file of its own in their repository (exp_data/models/*.json), so the table comes from a local folder, into
whose CSV file it was gathered.
"""

import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, PublishedTable, csv

# the evaluation set nearest to each training corpus
EVALUATED = {"c4_original": "loss_c4_val", "rpj": "loss_paloma_redpajama", "rw_original": "loss_paloma_falcon-refinedweb"}
COLUMNS = {"name": "run", "params_no_embed": "N", "params": "N_total", "tokens": "D"}


def parse(content: bytes) -> pd.DataFrame:
    """run, N, N_total, D, dataset, and loss: on the evaluation set of the run's own corpus."""
    raw = csv(content)
    frame = raw.rename(columns=COLUMNS)[[*COLUMNS.values(), "dataset"]].astype({"N": float, "N_total": float, "D": float})
    for dataset, column in EVALUATED.items():
        own = frame["dataset"] == dataset
        frame.loc[own, "loss"] = raw.loc[own, column].astype(float)
    return frame


def _entry(dataset: str, corpus: str) -> Entry:
    return Entry(name=f"gadre-{corpus}", laboratory="Gadre et al.", N_convention="multiplying", corpus=corpus,
                 bytes_per_token=NOMINAL, decayed=True, tuned=False, rows=lambda frame: frame[frame["dataset"] == dataset])


TABLES = (PublishedTable(
    name="gadre",
    origin=None,
    folder=File("mlfoundations/scaling", "a003c4913793ac2ae7ef87b28ecb562955d026d5", "derived/runs_104.csv",
                "62a53e0b747b4dd029d78248160fc9d13251ba9f4fdd6199e8b372e6308d2b05", parse),
    why_local="is spread over a file a run",
    licence="MIT",
    citation="Gadre et al. 2024, Language models scale reliably with over-training and on downstream tasks, arXiv 2403.08540",
    columns="run; N; N_total; D: tokens; dataset: the training corpus; loss: on C4, RedPajama or RefinedWeb as trained on",
    N_counts="without the input embedding, with the output layer; N_total: both",
    loss_unit="nats/token",
    corpus="C4, RedPajama, RefinedWeb",
    vocabulary=50_432,
    recipe="cosine decay over the run's tokens; one rule for the learning rate of all sizes",
    entries=(_entry("c4_original", "c4"), _entry("rpj", "redpajama"), _entry("rw_original", "refinedweb")),
),)
