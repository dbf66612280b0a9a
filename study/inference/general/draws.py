"""Draws of any law's posterior: importance sampling about the mode, adapted where that does not do; NUTS where neither does.

The gate is the study's own: k-hat <= 0.7 for importance draws, R-hat, ESS and divergences for NUTS.
"""

import zlib
from dataclasses import replace

import numpy as np
import pandas as pd

from study.inference.fast.adapt import Adaptation, WeightedDraws, adapt, weigh
from study.inference.fast.mixture import Mixture, rebuild
from study.inference.general.density import Problem, problem
from study.inference.general.law_posterior import LawPosterior
from study.inference.general.mode import laplace, widened
from study.inference.parameters import Array
from study.laws.law import Law

SPREAD = 1.3  # of the first proposal, in standard deviations of Laplace's approximation
RULE = Adaptation(round=1500, least=1, most=12, enough=0.3, growth=0.0)


def fit_law(law: Law, table: pd.DataFrame, *, seed: int, draws: int = 4000, reference: dict[str, float] | None = None,
            scale: float | None = None, group: str | None = None, fallback: bool = True) -> LawPosterior:
    """The posterior of a law given a table that has its columns and its response.

    reference, scale: what the columns and the response are divided by (default: the table's geometric means; 1 for losses),
    so that fits of subsets may share one prior. group: the column whose rows share an error.
    fallback: NUTS where k-hat > 0.7; else the draws come back with their k-hat.

    Raises:
        LawError: the table cannot be fitted. UnconvergedError: neither way converged.
    """
    at = problem(law, table, reference=reference, scale=scale, group=group)
    rng = np.random.default_rng([seed, _hash(at.y)])
    found = importance(at, draws, rng)
    if fallback and not found.diagnostics.converged:
        from study.inference.general.nuts import nuts

        return nuts(at, seed=seed, draws=max(1000, draws // 4))
    x = found.x[found.equal(draws, rng)]
    return LawPosterior(law, at, x, at.effects(x, rng), found.diagnostics, seed)


def _hash(y: Array) -> int:
    # fits of different rows are compared draw by draw, so their draws must not share random numbers; to six digits, so that a
    # processor that rounds a logarithm otherwise draws the same
    return zlib.crc32(" ".join(f"{value:.6g}" for value in y).encode())


def importance(at: Problem, count: int, rng: np.random.Generator) -> WeightedDraws:
    """Weighted draws of the coordinates: from Laplace's approximation widened, or where that fails from an adapted mixture."""
    centre, factor = laplace(at, rng)

    def evaluate(proposal: Mixture, count: int) -> tuple[Array, Array, Array]:
        y, _ = proposal.draw(count, rng)
        x, log_jacobian = widened(y, centre)
        return y, np.zeros((count, 2)), at.log_posterior(x) + log_jacobian - proposal.log_density(y)

    proposal = Mixture(centre[None], (SPREAD * factor, 2 * SPREAD * factor), np.zeros((1, 2)))
    found, _ = weigh(evaluate, proposal, count)
    if found.diagnostics.khat > 0.5 or found.diagnostics.effective < 0.15 * count:
        for larger in (2, 8):
            proposal = adapt(evaluate, proposal, RULE, rng)
            found, log_weight = weigh(evaluate, proposal, larger * count)
            if found.diagnostics.converged:
                break
            proposal = rebuild(found.x, found.psi, log_weight, rng)
    return replace(found, x=widened(found.x, centre)[0])
