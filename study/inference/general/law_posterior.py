"""Draws of any law's posterior: its symbols, its mean, and what it predicts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.inference.general.density import Problem
from study.inference.parameters import Array
from study.inference.posterior import Diagnostics, ImportanceDiagnostics
from study.laws.law import Law


@dataclass(frozen=True)
class LawPosterior:
    """S draws of a law's posterior."""

    law: Law
    problem: Problem
    x: Array  # (S, K) coordinates, see `density`
    u: Array  # (S, G) group effects
    diagnostics: Diagnostics | ImportanceDiagnostics
    seed: int

    @property
    def theta(self) -> dict[str, Array]:
        """Draws (S,) by symbol, coefficients at the reference."""
        return self.problem.theta(self.x)

    @property
    def s(self) -> Array:
        """Scale of the noise in ln y, (S,)."""
        return np.asarray(np.exp(self.x[:, -2]))

    @property
    def effects(self) -> dict[str, Array]:
        """What each group's runs share, in ln y, (S,) by the group's name."""
        return {name: self.u[:, k] for k, name in enumerate(self.problem.groups)}

    def mean(self, columns: dict[str, Any]) -> Array:
        """The law's mean at columns in their own units (floats or (R,)), in the unit of y: (S, R)."""
        at = {name: np.log(np.atleast_1d(np.asarray(columns[name], dtype=float)) / self.problem.reference[name])
              for name in self.law.columns}
        return np.asarray(self.problem.scale * np.exp(self.problem.log_mean(self.x, at)))

    def predict(self, table: pd.DataFrame, *, seed: int, group: str | None = None) -> Array:
        """Posterior predictive y of the rows of `table`, (S, R); a group that was fitted keeps its effect."""
        rng = np.random.default_rng(seed)
        mean = np.log(self.mean({name: table[name].to_numpy(dtype=float) for name in self.law.columns}))
        z = rng.standard_normal(mean.shape)
        if self.problem.group is None:
            nu = np.exp(self.x[:, -1, None])
            z = z / np.sqrt(rng.chisquare(np.broadcast_to(nu, mean.shape)) / nu)
        elif group is not None:
            known = self.effects
            for name in dict.fromkeys(table[group].astype(str)):
                fresh = np.exp(self.x[:, -1]) * rng.standard_normal(len(self.x))
                mean[:, (table[group].astype(str) == name).to_numpy()] += known.get(name, fresh)[:, None]
        return np.asarray(np.exp(np.minimum(mean + self.s[:, None] * z, 700.0)))
