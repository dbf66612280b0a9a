"""Gemstones (McLeish et al. 2025): models of many widths and depths, each cooled down at ten lengths of training."""

from io import BytesIO

import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, PublishedTable

COLUMNS = {"run_name": "run", "params_active_precise": "N", "tokens": "D", "final_loss": "loss",
           "width": "width", "depth": "depth", "step": "step"}


def parse(content: bytes) -> pd.DataFrame:
    """run, N, D, loss, width, depth, step: a JSON object a line. `run` names the shape: its rows branch off one trunk."""
    frame = pd.read_json(BytesIO(content), lines=True)
    return frame.rename(columns=COLUMNS)[list(COLUMNS.values())].astype({"N": float, "D": float})


_SOURCE = ("mcleish7/gemstone-scaling-laws", "5f420478f6057b0cbb4d13405fb10ca64675bccb")


def _table(name: str, path: str, sha256: str, columns: str, recipe: str, entry: Entry) -> PublishedTable:
    file = File(*_SOURCE, path, sha256, parse)
    return PublishedTable(
        name=name, origin=file, folder=file, licence="MIT",
        citation="McLeish et al. 2025, Gemstones: A Model Suite for Multi-Faceted Scaling Laws, arXiv 2502.06857",
        columns=f"run: the shape; N; D: tokens; loss; width; depth; step. {columns}",
        N_counts="total parameters, the input and the output embedding included (50,304 x width each)",
        loss_unit="nats/token", corpus="Dolma", vocabulary=50_304, recipe=recipe, entries=(entry,))


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """Four checkpoints of each curve, about evenly spaced in ln D: neighbours say the same thing again."""
    place = frame.groupby("run")["D"].rank(method="first").astype(int)
    last = frame.groupby("run")["D"].transform("size")
    return frame[(place == 1) | (place == last) | (place == (last / 9).round()) | (place == (last / 3).round())]


TABLES = (
    _table("gemstones-cooled", "wandb_dfs/wandb_df_for_fitting_cool_end.jsonl",
           "bdf01b6b21bafc414218124a6f9e195cee07f3d69ceacbfae2fcf069d34f4e61",
           "D with the cooldown; 199 rows of 20 shapes",
           "constant rate, then a linear cooldown to zero over a tenth of the tokens; rows of one shape share the constant part",
           Entry(name="gemstones", laboratory="Maryland", N_convention="total", corpus="dolma", bytes_per_token=NOMINAL,
                 decayed=True, tuned=False, shape="run")),
    _table("gemstones-hot", "wandb_dfs/wandb_df_for_fitting_hot_100b+.jsonl",
           "1da97ce3d1394e0223826c8f5ca081cb0fb289ec65d2707fb5430721e92e9659",
           "770 checkpoints of 22 shapes, 35 a curve: not runs of their own",
           "constant rate: losses along one run of each shape",
           Entry(name="gemstones-hot", laboratory="Maryland", N_convention="total", corpus="dolma", bytes_per_token=NOMINAL,
                 decayed=False, tuned=False, checkpoints=True, shape="run", rows=thinned, pooled=False,
                 known=(("alpha", 0.2576), ("beta", 0.5909)))),
)
