"""Hoffmann et al.'s runs, read off the vector graphics of their figure 4 by Besiroglu et al. 2024.

Their repository (epoch-research/analyzing-chinchilla at 9225883, data/svg_extracted_data.csv) states no licence. A copy with
the same bytes is part of the Gemstones repository, which is under MIT: that copy is fetched.
"""

from dataclasses import replace

import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, PublishedTable, csv

OUTLIERS = 5  # the highest losses: 245 points less these are the 240 of the replication


def parse(content: bytes) -> pd.DataFrame:
    """N, D = C / 6N, C, loss, and `outlier`, which marks the five highest losses that Besiroglu et al. leave out."""
    raw = csv(content)
    frame = pd.DataFrame({"N": raw["Model Size"], "C": raw["Training FLOP"], "loss": raw["loss"]})
    frame.insert(1, "D", frame["C"] / (6 * frame["N"]))
    frame["outlier"] = frame["loss"].rank(ascending=False, method="first") <= OUTLIERS
    return frame


_COPY = File("mcleish7/gemstone-scaling-laws", "5f420478f6057b0cbb4d13405fb10ca64675bccb",
             "data/epoch_chinchilla_svg_extracted_data.csv",
             "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30", parse)

TABLES = (PublishedTable(
    name="chinchilla",
    origin=_COPY,
    folder=replace(_COPY, repository="epoch-research/analyzing-chinchilla", commit="92258837425e1b5f2851d624287f0120583a3d0e",
                   path="data/svg_extracted_data.csv"),
    licence="none stated by Besiroglu et al.; MIT for the copy with the same bytes that is fetched",
    citation="Besiroglu et al. 2024, Chinchilla Scaling: A replication attempt, arXiv 2404.10102",
    columns="N; D = C / 6N; C: FLOP, 6 N D; loss: from the colour scale; outlier: one of the five highest losses",
    N_counts="total parameters",
    loss_unit="nats/token",
    corpus="MassiveText",
    vocabulary=32_000,
    recipe="Hoffmann et al. 2022: cosine decay to a tenth over the run's tokens",
    entries=(Entry(name="chinchilla", laboratory="DeepMind", N_convention="total", corpus="MassiveText", bytes_per_token=NOMINAL,
                   decayed=True, tuned=True, shape=None, rows=lambda frame: frame[~frame["outlier"]],
                   known=(("alpha", 0.3478), ("beta", 0.3658), ("E", 1.8172), ("a", 0.5126))),),
),)
