"""How the recipe was tuned: the sweep over learning rate and batch, the rules fitted to it, and their check at the top."""

import numpy as np
import pandas as pd

from study.analysis.study import Study, once
from study.analysis.tables import complete, each, groups, lowest
from study.grids.design import language_config
from study.tune import SMALLEST_BATCH, Rule, fit_rule


def swept(study: Study) -> pd.DataFrame:
    """The sweep's complete runs, without those that check the rules at a larger budget."""
    rows = complete(study.sweep)
    return rows[rows["role"] == "sweep"].reset_index(drop=True) if len(rows) else rows


@once
def fitted_rule(study: Study) -> Rule | None:
    """The rules fitted to the recorded sweep; None where it is too small."""
    rows = swept(study)
    try:
        return fit_rule(rows) if len(rows) else None
    except (ValueError, KeyError, np.linalg.LinAlgError):
        return None


@once
def verification(study: Study) -> pd.DataFrame:
    """Each cell of the grid that was also run at other learning rates: budget, width, seed, factor, loss minus that by the rule."""
    rows, out = complete(study.sweep), []
    for row in each(rows[rows["role"] == "check"] if len(rows) else rows):
        same = study.fit[(study.fit["N"] == row.N) & (study.fit["D"] == row.D) & (study.fit["seed"] == row.seed)]
        for ruled in each(same[same["batch_tokens"] == row.batch_tokens]):
            out.append(
                {
                    "budget": row.budget,
                    "width": row.width,
                    "seed": row.seed,
                    "factor": row.learning_rate / ruled.learning_rate,
                    "rule": ruled.loss,
                    "loss": row.loss,
                    "gain": 100 * float(np.log(ruled.loss / row.loss)),
                }
            )
    return pd.DataFrame(out)


def panels(study: Study) -> list[tuple[tuple[float, int], pd.DataFrame]]:
    """The sweep's runs by budget and width."""
    rows = swept(study)
    return groups(rows, ["budget", "width"]) if len(rows) else []


def at_edge(study: Study) -> tuple[int, int]:
    """In how many panels the best run lies on the edge of what was swept, and in how many its batch is the least there is."""
    edge = floor = 0
    for _, group in panels(study):
        best, batches = lowest(group, "loss"), group["batch_tokens"]
        rates, batch = group[batches == best["batch_tokens"]]["learning_rate"], best["batch_tokens"]
        at_floor = batch == SMALLEST_BATCH
        outer = batch == batches.max() or (batch == batches.min() and not at_floor)
        edge, floor = edge + bool(outer or best["learning_rate"] in (rates.min(), rates.max())), floor + bool(at_floor)
    return edge, floor


def other_heads(study: Study) -> dict[int, tuple[int, int]]:
    """Width -> the heads of the sweep's models and of the grid's, where they differ."""
    ours = {cell.config.width: language_config(cell.config).heads for cell in study.grid.cells}
    theirs = {record.config.width: language_config(record.config).heads for record in study.sweep_records.values()}
    return {width: (theirs[width], ours[width]) for width in sorted(theirs) if theirs[width] != ours.get(width, theirs[width])}


def other_attention(study: Study) -> bool:
    """Whether the sweep's models had another attention than the grid's."""
    theirs, ours = ({(config.attention_scale, config.key_shift, config.copy_start) for config in map(language_config, configs)}
                    for configs in ((record.config for record in study.sweep_records.values()),
                                    (cell.config for cell in study.grid.cells)))
    return bool(theirs - ours)


def another_build(study: Study) -> bool:
    """Whether the sweep read another build of the corpus than the grid's runs."""
    swept, ours = ({record.provenance.corpus_sha256 for record in records.values()}
                   for records in (study.sweep_records, study.records))
    return bool(swept - ours)
