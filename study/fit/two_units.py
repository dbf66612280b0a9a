"""Losses in two units: bits beside nats, which a law in N and D takes for noise or for a steeper fall."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.fit.doubts import Doubt
from study.fit.shifts import fit_shifts
from study.inference.parameters import Array

BITS = -float(np.log(np.log(2)))  # ln L that bits lie above nats
NEAR = 0.15  # of it: how far a jump may lie from it
SIGNIFICANT = 5.0  # standard errors of a jump
ALL = 0.95  # of the rows lie on the law and its jump, where that is from a place on
PLACES = 12  # along N, D and the rows, where a jump is looked for
BESIDE = 5  # rows on either side of one
ROUNDS, FEW = 4, 3  # of telling two clusters of residuals apart, and the rows that make one
HELD = 2_000  # rows that are looked at


def two_units(table: pd.DataFrame) -> Doubt | None:
    """Rows whose losses lie 1 / ln 2 above or below what the others lead to expect: from a place on, or here and there."""
    if not 3 * BESIDE <= len(table) <= HELD:
        return None
    found = _from_a_place_on(table) or _here_and_there(table)
    if not found:
        return None
    return Doubt("loss unit", f"{found}, and bits are {np.exp(BITS):.3g} times nats: two units in one column? Convert one", True)


def _from_a_place_on(table: pd.DataFrame) -> str:
    best, said = SIGNIFICANT, ""
    for name, values in (("N", table["N"].to_numpy()), ("D", table["D"].to_numpy()), ("row", np.arange(len(table)))):
        levels = np.unique(values)[2:-1]  # two at the least on either side: the law's own terms could follow one
        for level in levels[np.unique(np.linspace(0, len(levels) - 1, min(PLACES, len(levels))).astype(int))]:
            above = values >= level
            if min(above.sum(), (~above).sum()) < BESIDE:
                continue
            found = fit_shifts(table, above.astype(float)[:, None])
            in_errors = abs(float(found.c[0])) / max(float(found.se[0]), 1e-9)
            follow = np.mean(np.abs(found.residual) < BITS / 2)
            if _is_of_units(found.c[0]) and follow > ALL and in_errors > best:
                where = f"about row {level + 1}" if name == "row" else f"{name} = {level:.3g}"
                best, said = in_errors, f"from {where} on the losses are {_by(found.c[0])}"
    return said


def _here_and_there(table: pd.DataFrame) -> str:
    """Two clusters of residuals beside one law, with a gap of half of `BITS` between them."""
    shift, residual = 0.0, fit_shifts(table, np.zeros((len(table), 0))).residual
    for _ in range(ROUNDS):
        high = _upper(residual)
        found = fit_shifts(table, high.astype(float)[:, None])
        shift, residual = float(found.c[0]), found.residual + found.c[0] * high
    few = int(min(np.sum(high), np.sum(~high)))
    if few < FEW or residual[high].min() - residual[~high].max() < BITS / 2 or not _is_of_units(shift):
        return ""
    return f"{few} of {len(table)} losses are {_by(shift if np.sum(high) == few else -shift)}"


def _upper(residual: Array) -> NDArray[np.bool_]:
    """The upper of two clusters: above the middle between the medians on either side of the mean."""
    above = residual > residual.mean()
    return residual > (np.median(residual[above]) + np.median(residual[~above])) / 2


def _is_of_units(shift: float) -> bool:
    return abs(abs(shift) / BITS - 1) < NEAR


def _by(shift: float) -> str:
    return f"{'higher' if shift > 0 else 'lower'} by a factor of {np.exp(abs(shift)):.3g} than the others lead to expect"
