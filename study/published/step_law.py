"""Step Law (Li et al. 2025): 1,911 dense runs over learning rate and batch at 17 cells of (N, D)."""

import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, PublishedTable, csv

COLUMNS = {"exp_name": "run", "N": "N", "D": "D", "smooth loss": "loss", "lr": "learning_rate", "bs": "batch"}


def parse(content: bytes) -> pd.DataFrame:
    """run, N, D, loss (smoothed), learning_rate, batch (sequences)."""
    return csv(content)[list(COLUMNS)].rename(columns=COLUMNS).astype({"N": float, "D": float})


def best_of_each_cell(frame: pd.DataFrame) -> pd.DataFrame:
    """The run of least loss at each (N, D): a tuned run. The least of a hundred noisy losses lies a little low."""
    return frame.loc[frame.groupby(["N", "D"])["loss"].idxmin()]


_RUNS = File("step-law/steplaw", "32a8f4cc50247695fb56cc6c9117abdf67c97763", "data/dense_lr_bs_loss.csv",
             "9e46181076c04d450294d75dfe6f72adc416e231e154a07b337e378f9410002c", parse)

TABLES = (PublishedTable(
    name="step-law",
    origin=_RUNS,
    folder=_RUNS,
    licence="none stated: read from its origin, never shipped",
    citation="Li et al. 2025, Predictable Scale: Part I, Step Law, arXiv 2503.04715",
    columns="run; N; D: tokens; loss: training loss, smoothed; learning_rate; batch: sequences. 1,911 runs, five sizes",
    N_counts="without embeddings",
    loss_unit="nats/token",
    corpus="web text, mathematics and code",
    vocabulary=65_536,
    recipe="learning rate x batch swept in every cell; decay to 1e-5",
    entries=(Entry(name="step-law", laboratory="StepFun", N_convention="non_embedding", corpus="web, mathematics, code",
                   bytes_per_token=NOMINAL, decayed=True, tuned=True, rows=best_of_each_cell),),
),)
