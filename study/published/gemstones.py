"""Gemstones (McLeish et al. 2025): models of many widths and depths, each cooled down at ten lengths of training."""

from io import BytesIO

import pandas as pd

from study.published.fetch import File, PublishedTable

COLUMNS = {"run_name": "run", "params_active_precise": "N", "tokens": "D", "final_loss": "loss",
           "width": "width", "depth": "depth", "step": "step"}


def parse(content: bytes) -> pd.DataFrame:
    """run, N, D, loss, width, depth, step: a JSON object a line. `run` names the shape: its rows branch off one trunk."""
    frame = pd.read_json(BytesIO(content), lines=True)
    return frame.rename(columns=COLUMNS)[list(COLUMNS.values())].astype({"N": float, "D": float})


_COOLED = File("mcleish7/gemstone-scaling-laws", "5f420478f6057b0cbb4d13405fb10ca64675bccb",
               "wandb_dfs/wandb_df_for_fitting_cool_end.jsonl",
               "bdf01b6b21bafc414218124a6f9e195cee07f3d69ceacbfae2fcf069d34f4e61", parse)

TABLES = (PublishedTable(
    name="gemstones-cooled",
    origin=_COOLED,
    folder=_COOLED,
    licence="MIT",
    citation="McLeish et al. 2025, Gemstones: A Model Suite for Multi-Faceted Scaling Laws, arXiv 2502.06857",
    columns="run: the shape; N; D: tokens, the cooldown included; loss; width; depth; step. 199 rows of 20 shapes",
    N_counts="total parameters, the input and the output embedding included (50,304 x width each)",
    loss_unit="nats/token",
    corpus="Dolma",
    vocabulary=50_304,
    recipe="constant rate, then a linear cooldown to zero over a tenth of the tokens; rows of one shape share the constant part",
),)
