"""The OLMo ladder (Bhagia et al. 2024): five sizes, each trained for half to ten times twenty tokens a parameter.

The repository holds a CSV file of the curve of each run (src/scripts/paper/data/ladder-runs); the table is the last row of
each, gathered into one file of a local folder.
"""

import pandas as pd

from study.published.entry import NOMINAL_LARGE, Entry
from study.published.fetch import File, PublishedTable, csv


def parse(content: bytes) -> pd.DataFrame:
    """run, N, D, loss (on C4), pile: a rerun of a cell is a row of its own."""
    frame = csv(content).rename(columns={"tokens": "D", "c4": "loss"})
    return frame[["run", "N", "D", "loss", "pile"]].astype({"N": float, "D": float})


TABLES = (PublishedTable(
    name="olmo-ladder",
    origin=None,
    folder=File("allenai/OLMo-ladder", "67a3f440f787d020da35e3ca8eeae475fae754f5", "derived/ladder_final.csv",
                "b1cb8177351bbbf4d533ca802d362134ee9e1d6be1676d2c2298368c9f236745", parse),
    why_local="is spread over a file a run",
    licence="Apache-2.0",
    citation="Bhagia et al. 2024, Establishing Task Scaling Laws via Compute-Efficient Model Ladders, arXiv 2412.04403",
    columns="run; N; D: tokens; loss: C4's validation set; pile: the Pile's. 30 runs, five of them repeats",
    N_counts="without the input embedding, with the output layer (100,352 x width)",
    loss_unit="nats/token",
    corpus="OLMoE's mixture",
    vocabulary=100_278,
    recipe="cosine decay over the run's tokens; learning rate and batch by rules of the size",
    entries=(Entry(name="olmo-ladder", laboratory="AI2", N_convention="multiplying", corpus="OLMoE's mixture, on C4",
                   bytes_per_token=NOMINAL_LARGE, decayed=True, tuned=False),),
),)
