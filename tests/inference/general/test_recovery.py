"""Planted laws are recovered by the study's own fit: truth, design and noise are given, the posterior must hold the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from study.inference.general.draws import fit_law
from study.laws.critical_batch import ONE_LOSS
from study.laws.datablations import repeated_law
from study.laws.law import Law
from study.laws.overfitting import overfitting_law
from study.laws.power import power, pure_power
from study.laws.steps import steps_law

NOISE = 0.005


@dataclass(frozen=True)
class Planted:
    """A law, its truth at the reference, the columns of its design, and the noise of its response."""

    law: Law
    truth: Mapping[str, float]
    columns: Mapping[str, np.ndarray]
    reference: Mapping[str, float]
    noise: float = NOISE

    def table(self, seed: int) -> pd.DataFrame:
        logs = {name: np.log(self.columns[name] / self.reference[name]) for name in self.law.columns}
        mean = self.law.at(self.truth, logs)
        rng = np.random.default_rng([seed, 7])
        return pd.DataFrame({**self.columns, self.law.response: mean * np.exp(self.noise * rng.standard_normal(mean.shape))})


def crossed(**columns: np.ndarray) -> dict[str, np.ndarray]:
    return {name: grid.ravel() for name, grid in zip(columns, np.meshgrid(*columns.values()), strict=True)}


def repeated() -> dict[str, np.ndarray]:
    """Three amounts of text read 1 to 64 times by models from far below the size that it can use to far above."""
    columns = crossed(N=SIZES, unique=np.geomspace(2e5, 5e6, 3), epochs=4.0 ** np.arange(4))
    return {"N": columns["N"], "D": columns["unique"] * columns["epochs"], "unique": columns["unique"]}


SIZES = np.geomspace(3e4, 1e6, 5)
PLANTED = {
    "power": Planted(power("N"), {"E": 1.5, "t": 1.2, "alpha": 0.3}, {"N": np.geomspace(1e4, 1e8, 14)}, {"N": 1e6}),
    "pure power": Planted(pure_power("N"), {"t": 3.0, "alpha": 0.08}, {"N": np.geomspace(1e4, 1e8, 10)}, {"N": 1e6}),
    "steps": Planted(steps_law(), {"E": 1.2, "tN": 0.8, "tS": 0.5, "alpha_N": 0.3, "alpha_S": 0.7},
                     crossed(N=SIZES, S_min=np.geomspace(200, 2e4, 8)), {"N": 2e5, "S_min": 2e3}),
    "steps without a floor": Planted(steps_law(floor=False), {"tN": 2.4, "tS": 0.5, "alpha_N": 0.08, "alpha_S": 0.7},
                                     crossed(N=SIZES, S_min=np.geomspace(200, 2e4, 8)), {"N": 2e5, "S_min": 2e3}),
    "overfitting": Planted(overfitting_law(), {"tN": 2.0, "tD": 2.2, "alpha_N": 0.1, "alpha_D": 0.12},
                           crossed(N=SIZES, unique=np.geomspace(1e5, 1e7, 6)), {"N": 2e5, "unique": 1e6}),
    "repeated data": Planted(repeated_law(), {"E": 1.5, "tA": 0.6, "tB": 0.8, "alpha": 0.35, "beta": 0.3, "R_D": 12.0, "R_N": 6.0},
                             repeated(), {"N": 2e5, "D": 1e6, "unique": 1e6}),
    "critical batch at one loss": Planted(ONE_LOSS, {"S_min": 0.6, "B_crit": 1.5}, {"batch": 2.0 ** np.arange(8, 15)},
                                          {"batch": 2048.0}, 0.03),
}


def recovered(case: Planted, tables: int, draws: int = 1000) -> dict[str, tuple[int, float, float]]:
    """By symbol: how many of the tables' 95 % intervals hold the truth; median relative error of the medians, median width."""
    held, error, width = dict.fromkeys(case.truth, 0), {name: [] for name in case.truth}, {name: [] for name in case.truth}
    for seed in range(tables):
        found = fit_law(case.law, case.table(seed), seed=seed, draws=draws, reference=dict(case.reference), scale=1.0,
                        fallback=False)
        for name, truth in case.truth.items():
            low, middle, high = np.quantile(found.theta[name], [0.025, 0.5, 0.975])
            held[name] += bool(low <= truth <= high)
            error[name].append(abs(middle / truth - 1))
            width[name].append((high - low) / truth)
    return {name: (held[name], float(np.median(error[name])), float(np.median(width[name]))) for name in case.truth}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_law_lies_within_the_intervals(name: str) -> None:
    for symbol, (held, error, _) in recovered(PLANTED[name], 6).items():
        assert held >= 4, symbol
        assert error < 0.15, symbol


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)  # 0.05 to 0.1 s a table
def test_a_hundred_planted_tables(name: str) -> None:
    for symbol, (held, error, width) in recovered(PLANTED[name], 100).items():
        assert held >= 88, symbol  # 95 expected; below 88 once in 700
        assert error < 0.1, symbol
        assert width < 10 * error, symbol  # 3.9 over 0.67 s.d., so about 6, where the interval is as wide as it should be


def test_the_interval_is_not_held_by_being_wide() -> None:
    case = PLANTED["pure power"]
    found = fit_law(case.law, case.table(0), seed=0, reference=dict(case.reference))
    low, high = np.quantile(found.theta["alpha"], [0.025, 0.975])
    assert (high - low) / 0.08 < 0.05
