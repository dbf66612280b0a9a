"""What choosing by information saves on a finished table where the law and its noise are known beforehand: the same race.

Linearised at the posterior mean of all rows, the covariance V of the law's parameters and of the group effects given a set of
rows is closed, and another row takes from the variance of q = ln D_opt

    (grad q' V j)^2 / (s^2 + j' V j)

with j the slopes of its ln Lhat + u and s its noise. Nothing has to be learned, so a choice by it is what a rule would do that
had seen the answer. A set of rows is never better here than all of them, hence the slack.
"""

from collections.abc import Sequence

import numpy as np

from study.inference.likelihood import noise_scale
from study.inference.next_run import gaussian_variance
from study.inference.parameters import Array
from study.inference.priors import priors
from study.inference.replay import Ground, first_rows, flops_to
from study.inference.spec import BYTES_PER_TOKEN

STEP = 1e-5


def known_law(field: Ground, slack: Sequence[float], starts: int, *, first: int = 6) -> dict[str, float | None]:
    """For each slack (times the width of all rows) the median over starts of FLOP by information over FLOP in the own order.

    Slack 1 is left out: only all rows reach it.
    """
    J, slope, noise, prior = _linearised(field)
    C, everything = field.rows.C, list(range(len(field.rows)))
    targets = [value for value in slack if value > 1]
    shares: dict[float, list[float]] = {value: [] for value in targets}
    for start in range(starts):
        begin = first_rows(field.rows.N, field.rows.D, C, first, np.random.default_rng(start)) if first < len(C) else everything

        def race(by_information: bool, begin: list[int] = begin) -> list[tuple[float, float]]:
            V, left, spent, path = prior, list(everything), 0.0, []
            order = iter([*begin, *(index for index in everything if index not in begin)])
            while left:
                if by_information and len(everything) - len(left) >= len(begin):
                    VJ = V @ J[left].T
                    taken = (slope @ VJ) ** 2 / (noise[left] + np.sum(J[left].T * VJ, axis=0))
                    gains = -np.log1p(-np.minimum(taken / (slope @ V @ slope), 1 - 1e-9))
                    index = left[int(np.argmax(gains / C[left]))]
                else:
                    index = next(order)
                left.remove(index)
                v = V @ J[index]
                V = V - np.outer(v, v) / (noise[index] + J[index] @ v)
                spent += float(C[index])
                path.append((spent, float(slope @ V @ slope)))
            return path[len(begin) - 1:]

        own, chosen = race(False), race(True)
        for value in targets:
            variance = own[-1][1] * value**2 * (1 + 1e-9)
            by_information, in_order = (flops_to([spent for spent, _ in path], [left for _, left in path], variance)
                                        for path in (chosen, own))
            shares[value].append(by_information / in_order)
    return {f"{value:g}": float(np.median(found)) if found else None for value, found in shares.items()}


def _linearised(field: Ground) -> tuple[Array, Array, Array, Array]:
    """Slopes of ln Lhat + u (R, P), of q (P,), noise variances (R,) and the prior covariance (P, P)."""
    whole, rows = field.whole, field.rows
    p = whole.parameters
    at = np.array([np.log(values).mean() for values in (p.E, p.tA, p.tB, p.alpha, p.beta)])
    n, d = np.log(rows.N / whole.N0), np.log(rows.D / whole.D0)
    asked = np.log(field.target / whole.N0)

    def ln_loss(x: Array) -> Array:
        return np.asarray(np.log(np.exp(x[0]) + np.exp(x[1] - np.exp(x[3]) * n) + np.exp(x[2] - np.exp(x[4]) * d)))

    def q(x: Array) -> Array:
        return np.asarray((x[4] + x[2] - x[3] - x[1] + np.exp(x[3]) * asked) / np.exp(x[4]))

    steps = STEP * np.eye(5)
    groups = len(rows.groups) if whole.spec.group is not None else 0
    J = np.zeros((len(rows), 5 + groups))
    J[:, :5] = np.array([(ln_loss(at + step) - ln_loss(at - step)) / (2 * STEP) for step in steps]).T
    if groups:
        J[np.arange(len(rows)), 5 + rows.group] = 1.0
    slope = np.zeros(5 + groups)
    slope[:5] = [(q(at + step) - q(at - step)) / (2 * STEP) for step in steps]
    noise = np.median(gaussian_variance(p.nu, noise_scale(p, rows.C[:, None], whole.N0, whole.D0)), axis=1)
    prior = priors(whole.spec, field.bytes_per_token or BYTES_PER_TOKEN)
    scales = [prior.E[1], prior.t[1], prior.t[1], prior.exponent[1], prior.exponent[1], *[float(np.median(p.tau))] * groups]
    return J, slope, np.asarray(noise), np.diag(np.array(scales) ** 2)
