"""Chinchilla's runs once more: another reading of Hoffmann et al.'s figure, shipped with kyo-takano/chinchilla."""

import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, PublishedTable, csv


def parse(content: bytes) -> pd.DataFrame:
    """C, N, D, loss, as floating-point numbers: 6 N D overflows 64-bit integers."""
    return csv(content).astype(float)


_POINTS = File("kyo-takano/chinchilla", "75e5858f6e7c5b60d1fab69f66258132347b060c", "examples/llm/df.csv",
               "2ed2c412c6b408cb26896b92c0721fe9afa6515726b0db78c33db37cbf2816f9", parse)

TABLES = (PublishedTable(
    name="chinchilla-takano",
    origin=_POINTS,
    folder=_POINTS,
    licence="Apache-2.0",
    citation="Takano, chinchilla: a research toolkit for scaling laws, github.com/kyo-takano/chinchilla",
    columns="C: FLOP, 6 N D; N; D: tokens; loss. 234 rows, chosen there by C > 1e18 and N < D",
    N_counts="total parameters",
    loss_unit="nats/token",
    corpus="MassiveText",
    vocabulary=32_000,
    recipe="Hoffmann et al. 2022: cosine decay to a tenth over the run's tokens",
    entries=(Entry(name="chinchilla-takano", laboratory="DeepMind", N_convention="total", corpus="MassiveText",
                   bytes_per_token=NOMINAL, decayed=True, tuned=True, shape=None, pooled=False,
                   known=(("alpha", 0.343), ("beta", 0.342))),),
),)
