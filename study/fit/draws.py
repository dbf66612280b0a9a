"""The posterior of one table of runs: by chains or by importance sampling, whichever holds, and with enough draws.

Each way is a function from a number of draws to a posterior, which raises where it did not converge. They are tried in the order
that the table's size asks for.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.digits import hold
from study.inference.fast.fit import fit_fast
from study.inference.fast.target import supported
from study.inference.posterior import CHAINS, IMPORTANCE, NUTS, ImportanceDiagnostics, Posterior, UnconvergedError, fit_posterior
from study.inference.spec import ModelSpec

FEW_CELLS = 8  # with so few the scale of the noise is hardly known: a funnel that NUTS explores badly, importance draws well
NUTS_ROWS = 400  # above, chains take minutes
SLOW_ROWS = 1500  # above, they are not tried at all
MOST_ROWS = 20_000
ROUGH_KHAT = 1.0  # below it the draws still have a mean: shown, with a severe doubt, where nothing converges
FIRST_DRAWS, MOST_DRAWS = 4000, 40_000
ATTEMPTS = 3  # at importance draws: the last has sixteen times the proposals
MOST_WORK = 8_000_000  # draws x rows: half a minute of a core
HUGE = 1e120  # answers beyond it are as good as infinite, and larger ones overflow


class TooManyRunsError(StudyError):
    """More rows than any table of runs has."""


class _RoughError(UnconvergedError):
    """Importance draws that are not reliable, which may have to do."""

    def __init__(self, found: Posterior, runs: int) -> None:
        super().__init__(f"importance draws of {runs} runs are not reliable (k-hat {found.khat:.2f})")
        self.found = found


class _Way(Protocol):
    def __call__(self, *, draws: int) -> Posterior: ...


@dataclass(frozen=True)
class Drawn:
    """A posterior, by which method, and why not by the one before it ("" where there is no reason to tell)."""

    posterior: Posterior
    method: str  # NUTS or IMPORTANCE
    gate: str
    rough: bool  # importance draws whose k-hat is above 0.7, where nothing converged


def check_size(table: pd.DataFrame) -> None:
    """Refuse more rows than a fit is tried on.

    Raises:
        TooManyRunsError: more than `MOST_ROWS`.
    """
    if len(table) > MOST_ROWS:
        raise TooManyRunsError(f"{len(table):,} runs to fit, more than {MOST_ROWS:,}: keep one row a run (its last checkpoint: a "
                               "column `run`), the best or the mean of each (N, D), or a random sample of the rows")


def draw_posterior(table: pd.DataFrame, spec: ModelSpec, *, seed: int, N0: float | None = None, D0: float | None = None,
                   bytes_per_token: float | None = None, asked: float = 1e9) -> Drawn:
    """The posterior, and how it was drawn.

    Importance draws of the exact posterior for few cells, where NUTS explores a funnel, and for many rows, where it takes
    minutes; NUTS between. The other way stands in for one that fails, and for chains that converged only with care, where more
    draws would take minutes and end in a divergence. Drawn again, up to `MOST_DRAWS` (fewer of many rows), where two digits
    of D_opt at `asked` parameters do not hold.

    Raises:
        UnconvergedError: neither converged, and k-hat of the importance draws is above `ROUGH_KHAT`.
        TooManyRunsError: more than `MOST_ROWS` rows. The others of `fit_posterior`.
    """
    check_size(table)
    most = min(MOST_DRAWS, MOST_WORK // len(table))
    ways = _ways(table, spec, {"seed": seed, "N0": N0, "D0": D0, "bytes_per_token": bytes_per_token})
    failed: list[UnconvergedError] = []
    unsettled: Drawn | None = None  # converged, with digits that do not hold
    for method, way in ways:
        try:
            found = way(draws=FIRST_DRAWS)
            gate = f"{failed[0]}; {method} stands in" if failed else ""
            if _settled(found, asked) or most <= _made(found):
                return Drawn(found, method, gate, False)
            unsettled = unsettled or Drawn(found, method, "", False)
            if method == NUTS and way is not ways[-1][1] and len(found.parameters) > FIRST_DRAWS:
                raise UnconvergedError("NUTS converged only with care, and two digits need more draws")
            return Drawn(way(draws=most), method, gate, False)
        except UnconvergedError as error:
            failed.append(error)
            if unsettled is not None and method == IMPORTANCE:
                break  # chains would take minutes here, or explore a funnel
    return unsettled or _least_rough(failed)


def _ways(table: pd.DataFrame, spec: ModelSpec, where: dict[str, Any]) -> list[tuple[str, _Way]]:
    """The ways to draw, with their names, in the order to try them."""
    chains, importance = (NUTS, partial(_chains, table, spec, where)), (IMPORTANCE, partial(_importance, table, spec, where))
    if not supported(spec):
        return [chains]
    if len(table) > SLOW_ROWS:
        return [importance]
    few = len(table[["N", "D"]].drop_duplicates()) <= FEW_CELLS
    return [importance, chains] if few or len(table) > NUTS_ROWS else [chains, importance]


def _chains(table: pd.DataFrame, spec: ModelSpec, where: dict[str, Any], *, draws: int) -> Posterior:
    return fit_posterior(table, spec, draws=draws // CHAINS, **where)


def _importance(table: pd.DataFrame, spec: ModelSpec, where: dict[str, Any], *, draws: int) -> Posterior:
    found = fit_fast(table, spec, fallback=False, attempts=ATTEMPTS, draws=draws, **where)
    if not found.diagnostics.converged:
        raise _RoughError(found, len(table))
    return found


def _settled(found: Posterior, asked: float) -> bool:
    """Whether two digits of D_opt hold."""
    with np.errstate(over="ignore"):
        return hold(found, np.minimum(found.draws.D_opt_at(asked), HUGE))


def _made(found: Posterior) -> int:
    """How many draws were made for these."""
    seen = found.diagnostics
    return seen.proposals if isinstance(seen, ImportanceDiagnostics) else len(found.parameters)


def _least_rough(failed: list[UnconvergedError]) -> Drawn:
    """Of the draws that did not converge, those that come nearest to it."""
    best = min((error.found for error in failed if isinstance(error, _RoughError)), key=lambda found: found.khat, default=None)
    if best is None or not best.khat < ROUGH_KHAT:
        raise failed[0]
    return Drawn(best, IMPORTANCE, f"{'; '.join(map(str, failed))}: the importance draws stand in, and are rough", True)
