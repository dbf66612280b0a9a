"""How much any rule could save on a finished table: the same race with the law and its noise known beforehand.

Linearised at the posterior mean of all rows, the covariance of the law's parameters given a set of rows is closed,

    P = P_prior + J' K^-1 J,     Var q = grad q' P^-1 grad q

with J the slopes of ln Lhat, K the rows' noise and their group effects, P_prior the priors' precision. Nothing has to be
learned, so a choice by it is what a rule would do that had seen the answer. A set of rows is never better here than all of
them, hence the slack.
"""

from collections.abc import Sequence

import numpy as np

from study.inference.likelihood import noise_scale
from study.inference.parameters import Array
from study.inference.priors import priors
from study.inference.replay import Ground, first_rows
from study.inference.spec import BYTES_PER_TOKEN

STEP = 1e-5


def known_law(field: Ground, slack: Sequence[float], starts: int, *, first: int = 6) -> dict[str, float | None]:
    """For each slack (times the width of all rows) the median over starts of FLOP by information over FLOP in the own order.

    Slack 1 is left out: only all rows reach it.
    """
    variance = _Variance(field)
    C, everything = field.rows.C, list(range(len(field.rows)))
    least = variance(everything)
    shares: dict[float, list[float]] = {value: [] for value in slack if value > 1}
    for start in range(starts):
        begin = first_rows(field.rows.N, field.rows.D, C, first, np.random.default_rng(start)) if first < len(C) else everything
        own, own_path = list(begin), [(float(C[begin].sum()), variance(begin))]
        for index in everything:
            if index not in begin:
                own.append(index)
                own_path.append((float(C[own].sum()), variance(own)))
        chosen, path = list(begin), own_path[:1]
        left = [index for index in everything if index not in begin]
        while left and path[-1][1] > least * min(shares) ** 2:
            gains = 0.5 * np.log(path[-1][1] / np.array([variance([*chosen, index]) for index in left]))
            chosen.append(left.pop(int(np.argmax(gains / C[left]))))
            path.append((float(C[chosen].sum()), variance(chosen)))
        for value, found in shares.items():
            found.append(_flops_to(path, least * value**2) / _flops_to(own_path, least * value**2))
    return {f"{value:g}": float(np.median(found)) if found else None for value, found in shares.items()}


class _Variance:
    """Var ln D_opt given some rows."""

    def __init__(self, field: Ground) -> None:
        whole, rows = field.whole, field.rows
        p = whole.parameters
        at = np.array([np.log(values).mean() for values in (p.E, p.tA, p.tB, p.alpha, p.beta)])
        n, d = np.log(rows.N / whole.N0), np.log(rows.D / whole.D0)
        asked = np.log(field.target / whole.N0)

        def ln_loss(x: Array) -> Array:
            terms = np.exp(x[1] - np.exp(x[3]) * n) + np.exp(x[2] - np.exp(x[4]) * d)
            return np.asarray(np.log(np.exp(x[0]) + terms))

        def q(x: Array) -> Array:
            return np.asarray((x[4] + x[2] - x[3] - x[1] + np.exp(x[3]) * asked) / np.exp(x[4]))

        steps = STEP * np.eye(5)
        heavy = (p.nu + 3) / (p.nu + 1) if np.all(np.isfinite(p.nu)) else np.ones(len(p))
        self.J = np.array([(ln_loss(at + step) - ln_loss(at - step)) / (2 * STEP) for step in steps]).T
        self.slope = np.array([(q(at + step) - q(at - step)) / (2 * STEP) for step in steps])
        self.noise = np.median(heavy * noise_scale(p, rows.C[:, None], whole.N0, whole.D0) ** 2, axis=1)
        prior = priors(whole.spec, field.bytes_per_token or BYTES_PER_TOKEN)
        self.prior = np.diag(np.array([prior.E[1], prior.t[1], prior.t[1], prior.exponent[1], prior.exponent[1]]) ** -2.0)
        self.shared = float(np.median(p.tau)) ** 2 if whole.spec.group is not None else 0.0
        self.group = rows.group

    def __call__(self, rows: Sequence[int]) -> float:
        index = np.asarray(rows)
        J, group = self.J[index], self.group[index]
        K = np.diag(self.noise[index]) + self.shared * (group[:, None] == group)
        weighted = np.linalg.solve(K, J) if self.shared else J / self.noise[index, None]
        return float(self.slope @ np.linalg.solve(self.prior + J.T @ weighted, self.slope))


def _flops_to(path: list[tuple[float, float]], variance: float) -> float:
    return next((flops for flops, now in path if now <= variance * (1 + 1e-9)), float("inf"))
