"""Muennighoff et al.'s data-constrained runs, from the cells of one notebook of their repository.

The notebook (utils/parametric_fit.ipynb) holds the losses as a dictionary in cell 1. Cell 2 prints all of them and cell 26
the points of the published fit, a row each: name, parameters, tokens, unique tokens, loss.
"""

import ast
import json
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.published.entry import NOMINAL, Entry
from study.published.fetch import File, Parser, PublishedTable, csv

SEEDS, EVERY, FITTED = 1, 2, 26  # cells
BILLION = 1e9
COLUMNS = ("run", "N", "D", "unique", "loss")


def printed(content: bytes, cell: int, unit: float) -> pd.DataFrame:
    """The rows that a cell of the notebook printed, its counts given in `unit`; a line of other than five words is no row."""
    text = "".join("".join(output["text"]) for output in _cell(content, cell)["outputs"] if output["output_type"] == "stream")
    frame = pd.DataFrame([words for line in text.splitlines() if len(words := line.split()) == len(COLUMNS)], columns=COLUMNS)
    frame[["N", "D", "unique", "loss"]] = frame[["N", "D", "unique", "loss"]].astype(float)
    counts = ["N", "D", "unique"]
    frame[counts] = np.rint(frame[counts] * unit)
    return frame


def replicates(content: bytes) -> pd.DataFrame:
    """The runs of the notebook's dictionary of losses that are named after a seed: run, replicate, loss."""
    tree = ast.parse("".join(_cell(content, SEEDS)["source"]))
    losses = next(ast.literal_eval(node.value) for node in tree.body
                  if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAMES_TO_VAL_LOSSES")
    rows = [(*name.partition("seed"), loss) for name, loss in losses.items() if "seed" in name]
    return pd.DataFrame([(run, word + number, loss) for run, word, number, loss in rows], columns=["run", "replicate", "loss"])


def extracted(content: bytes) -> pd.DataFrame:
    """The rows of the extracted CSV file, with the names of `COLUMNS`."""
    return csv(content).rename(columns={"name": "run", "params": "N", "tokens": "D", "unique_tokens": "unique"})


def _cell(content: bytes, number: int) -> Any:
    return json.loads(content)["cells"][number]


def _table(name: str, parse: Parser, path: str, sha256: str, columns: str, *entries: Entry) -> PublishedTable:
    source = ("huggingface/datablations", "13701315b163f1c54642b94ad237b2699187c3ee")
    return PublishedTable(
        name=name,
        origin=File(*source, "utils/parametric_fit.ipynb",
                    "6c65d270e70c944a9ac90f5f1213a4584e1ff9d6d2781cd86900663f4ab17db9", parse),
        folder=File(*source, path, sha256, extracted),
        licence="Apache-2.0",
        citation="Muennighoff et al. 2023, Scaling Data-Constrained Language Models, arXiv 2305.16264",
        columns=columns,
        N_counts="total parameters, the embedding included",
        loss_unit="nats/token",
        corpus="C4",
        vocabulary=50_257,
        recipe="GPT-2's architecture; cosine decay to a tenth over the run's tokens; loss on C4's validation split",
        entries=entries,
    )


TABLES = (
    _table("datablations", partial(printed, cell=FITTED, unit=BILLION), "derived/parametric_fit_182.csv",
           "b938feff5ced1fb282b8ddb3a310e58a023e418cc634ecbb4556c189222126b4",
           "run; N; D: tokens seen; unique: tokens; loss; the 182 points of the paper's fit",
           Entry(name="datablations", laboratory="Hugging Face", N_convention="total", corpus="c4", bytes_per_token=NOMINAL,
                 decayed=True, tuned=False, shape=None, rows=lambda frame: frame[frame["unique"] >= frame["D"]])),
    _table("datablations-all", partial(printed, cell=EVERY, unit=1.0), "derived/parametric_fit_all_with_seeds_296.csv",
           "694e1546f5e2d41a775e256917f12c6b63dcb1c4ef7aff5aa654b409dc41382d",
           "as datablations, with the points that the fit leaves out and with repeats: a run's name may stand in several rows"),
    _table("datablations-seeds", replicates, "derived/seed_replicates.csv",
           "b98a91489c40add70a189fe43381f3e812f7bf546481c6d3d3e5dba97685ac13", "run; replicate: seed1 to seed4; loss"),
)
