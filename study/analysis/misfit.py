"""Where the law misses the runs it was fitted to: what its parametric interval does not carry."""

import numpy as np
import pandas as pd

from study.analysis.study import Study, once
from study.analysis.tables import complete, groups, lowest
from study.inference.forms import FormFit
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.scores import rms


def residuals(posterior: Posterior | FormFit, rows: pd.DataFrame) -> Array:
    """ln L minus the law's posterior median of it, (R,): no width effect, no noise."""
    N, D = rows["N"].to_numpy(), rows["D"].to_numpy()
    return np.asarray(np.log(rows["loss"].to_numpy()) - np.median(np.log(posterior.draws.loss(N[:, None], D[:, None])), axis=1))


@once
def by_budget(study: Study) -> pd.DataFrame:
    """One row a fitted budget, ascending: budget, runs, mean and r.m.s. residual (percent), how many lie below the law."""
    rows = study.fit.assign(residual=100 * residuals(study.posterior, study.fit))
    return pd.DataFrame([{"budget": budget, "runs": len(group), "mean": float(group["residual"].mean()),
                          "rms": rms(group["residual"].to_numpy()), "below": int((group["residual"] < 0).sum())}
                         for budget, group in groups(rows, "budget")])


def best_run(study: Study) -> pd.Series:
    """The run of the lowest loss, fitted or held out."""
    found: pd.Series = lowest(complete(study.frame), "loss")
    return found


def share_above(study: Study) -> float:
    """The share of draws whose irreducible loss E lies above the lowest loss that was measured."""
    return float(np.mean(best_run(study)["loss"] < study.posterior.draws.E))
