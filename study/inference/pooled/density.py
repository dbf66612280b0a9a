"""The log density of a population given the studies' summaries, and its gradient, compiled by numba for NUTS.

Coordinates theta, in the order of `Layout`:

    m (6, 5)            M = MEAN + SD m
    lab, within (15,)   rows of the lower factor F of S = F F' over the prior's scales; ln of the diagonal
    y (P, 5)            centres of the P laboratories that have several studies: M[0] + v = MEAN[0] + SD[0] y
    ln_w (L,)           with heavy tails: h = 1 / w scales S_lab of each laboratory, w ~ Gamma(tails / 2, tails / 2)

In these F the priors of `population` (half-t s.d., LKJ correlations) have, with d = 5, q_i = sum_k F_ik^2 and
C_ii = F_ii / sqrt(q_i),

    ln p(row i) = ln half-t(sqrt(q_i)) + (d - 1 - i + 2 ETA - 2) ln C_ii + ln(C_ii / q_i^(i / 2)) + ln F_ii,     i from 0

the last two terms the Jacobians of (s.d., correlations) to F and of ln F_ii.
"""

import math
from dataclasses import dataclass

import numpy as np

from study.inference.fast.kernels import Index, compiled
from study.inference.parameters import Array
from study.inference.pooled.coordinates import SIZE
from study.inference.pooled.population import CENTRE, CENTRE_SD, COVARIATE_SD, COVARIATES, ETA, FREEDOM, LAB_SD, WITHIN_SD

TERMS = 1 + len(COVARIATES)
ROWS = SIZE * (SIZE + 1) // 2
MEAN = np.vstack([CENTRE, np.zeros((TERMS - 1, SIZE))])
SD = np.vstack([CENTRE_SD, np.tile(COVARIATE_SD, (TERMS - 1, 1))])  # of M


@dataclass(frozen=True)
class Layout:
    """Where each part of theta stands: `several` laboratories with effects, `labs` with weights (0 for normal effects)."""

    several: int
    labs: int

    @property
    def size(self) -> int:
        return TERMS * SIZE + 2 * ROWS + self.several * SIZE + self.labs

    def split(self, theta: Array) -> dict[str, Array]:
        """The parts of draws theta (S, size), by name: "M", "lab" and "within" (factors, (S, 5, 5)),
        "centres" (S, P, 5), "ln_w".
        """
        ends = np.cumsum([TERMS * SIZE, ROWS, ROWS, self.several * SIZE, self.labs])[:-1]
        m, lab, within, y, ln_w = np.split(theta, ends, axis=1)
        return {"M": MEAN + SD * m.reshape(-1, TERMS, SIZE), "lab": LAB_SD[:, None] * _lower(lab),
                "within": WITHIN_SD[:, None] * _lower(within), "centres": MEAN[0] + SD[0] * y.reshape(len(y), self.several, SIZE),
                "ln_w": ln_w}


def _lower(rows: Array) -> Array:
    out = np.zeros((len(rows), SIZE, SIZE))
    i, j = np.tril_indices(SIZE)
    out[:, i, j] = np.where(i == j, np.exp(rows), rows)
    return out


@compiled
def _unpack(theta: Array, scale: Array, factor: Array) -> None:
    index = 0
    for i in range(SIZE):
        for j in range(i + 1):
            factor[i, j] = scale[i] * (math.exp(theta[index]) if i == j else theta[index])
            index += 1


@compiled
def _prior(theta: Array, gradient: Array) -> float:
    # of one factor over its scales, added to the gradient
    total, index = 0.0, 0
    for i in range(SIZE):
        q = math.exp(2 * theta[index + i])
        for k in range(i):
            q += theta[index + k] ** 2
        power = SIZE - 1 - i + 2 * ETA - 2 + 1  # of C_ii, the Jacobian's included
        total += -0.5 * (FREEDOM + 1) * math.log1p(q / FREEDOM) - 0.5 * (power + i) * math.log(q) + (power + 1) * theta[index + i]
        by_q = -0.5 * (FREEDOM + 1) / (FREEDOM + q) - 0.5 * (power + i) / q
        for k in range(i):
            gradient[index + k] += 2 * theta[index + k] * by_q
        gradient[index + i] += 2 * math.exp(2 * theta[index + i]) * by_q + power + 1
        index += i + 1
    return total


@compiled
def _normal(total: Array, residual: Array, inverse: Array, solved: Array) -> float:
    # ln Normal(residual; 0, total) but for a constant; `inverse` and `solved` = inverse @ residual are filled
    root, back = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    log_det = 0.0
    for i in range(SIZE):
        for j in range(i + 1):
            value = total[i, j]
            for k in range(j):
                value -= root[i, k] * root[j, k]
            root[i, j] = math.sqrt(max(value, 1e-300)) if i == j else value / root[j, j]
        log_det += math.log(root[i, i])
        back[i, i] = 1 / root[i, i]
        for j in range(i):
            value = 0.0
            for k in range(j, i):
                value -= root[i, k] * back[k, j]
            back[i, j] = value / root[i, i]
    for i in range(SIZE):
        for j in range(i + 1):
            value = 0.0
            for k in range(i, SIZE):
                value += back[k, i] * back[k, j]
            inverse[i, j] = inverse[j, i] = value
    squares = 0.0
    for i in range(SIZE):
        solved[i] = 0.0
        for j in range(SIZE):
            solved[i] += inverse[i, j] * residual[j]
        squares += solved[i] * residual[i]
    return -0.5 * squares - log_det


@compiled
def _chain(scale: Array, factor: Array, by_cov: Array, gradient: Array) -> None:
    # d/dF = 2 (d/dS) F for symmetric d/dS, then to theta
    index = 0
    for i in range(SIZE):
        for j in range(i + 1):
            value = 0.0
            for k in range(SIZE):
                value += 2 * by_cov[i, k] * factor[k, j]
            gradient[index] += value * (factor[i, i] if i == j else scale[i])
            index += 1


@compiled
def log_density(theta: Array, log_weight: Array, mean: Array, cov: Array, c: Array, member: Index, several: int, labs: int,
                tails: float, gradient: Array) -> float:
    """ln p(theta, summaries), `gradient` filled. Study k: log_weight[k] (J,), mean[k] (J, 5), cov[k] (J, 5, 5), c[k],
    laboratory member[k] (< several: its effect is a coordinate).
    """
    start_lab, start_within = TERMS * SIZE, TERMS * SIZE + ROWS
    start_y, start_w = start_within + ROWS, start_within + ROWS + several * SIZE
    components = log_weight.shape[1]
    gradient[:] = 0.0
    value = 0.0
    for i in range(start_lab):
        value -= 0.5 * theta[i] ** 2
        gradient[i] = -theta[i]
    for i in range(labs):
        value += 0.5 * tails * (theta[start_w + i] - math.exp(theta[start_w + i]))
        gradient[start_w + i] = 0.5 * tails * (1 - math.exp(theta[start_w + i]))
    value += _prior(theta[start_lab:start_within], gradient[start_lab:start_within])
    value += _prior(theta[start_within:start_y], gradient[start_within:start_y])

    lab, within, factor = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    _unpack(theta[start_lab:start_within], LAB_SD, factor)
    inner = np.zeros((SIZE, SIZE))
    _unpack(theta[start_within:start_y], WITHIN_SD, inner)
    for i in range(SIZE):
        for j in range(SIZE):
            for k in range(min(i, j) + 1):
                lab[i, j] += factor[i, k] * factor[j, k]
                within[i, j] += inner[i, k] * inner[j, k]
    by_lab, by_within = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    expected, residual, total = np.empty(SIZE), np.empty(SIZE), np.empty((SIZE, SIZE))
    inverse, solved = np.empty((components, SIZE, SIZE)), np.empty((components, SIZE))
    density, by_mean, by_total = np.empty(components), np.empty(SIZE), np.empty((SIZE, SIZE))
    for own in range(several):  # a laboratory's centre given the population
        wide = math.exp(-theta[start_w + own]) if labs else 1.0
        for i in range(SIZE):
            residual[i] = SD[0, i] * (theta[start_y + own * SIZE + i] - theta[i])
            for k in range(SIZE):
                total[i, k] = wide * lab[i, k]
        value += _normal(total, residual, inverse[0], solved[0])
        for i in range(SIZE):
            gradient[start_y + own * SIZE + i] -= SD[0, i] * solved[0, i]
            gradient[i] += SD[0, i] * solved[0, i]
            for k in range(SIZE):
                value_ik = 0.5 * (solved[0, i] * solved[0, k] - inverse[0, i, k])
                by_lab[i, k] += wide * value_ik
                if labs:
                    gradient[start_w + own] -= wide * value_ik * lab[i, k]
    for study in range(len(member)):
        own = member[study]
        wide = math.exp(-theta[start_w + own]) if labs else 1.0
        for i in range(SIZE):
            expected[i] = MEAN[0, i] + SD[0, i] * theta[start_y + own * SIZE + i if own < several else i]
            for q in range(1, TERMS):
                expected[i] += c[study, q] * SD[q, i] * theta[q * SIZE + i]
        highest = -np.inf
        for j in range(components):
            for i in range(SIZE):
                residual[i] = mean[study, j, i] - expected[i]
                for k in range(SIZE):
                    total[i, k] = cov[study, j, i, k] + within[i, k] + (0.0 if own < several else wide * lab[i, k])
            density[j] = log_weight[study, j] + _normal(total, residual, inverse[j], solved[j])
            highest = max(highest, density[j])
        mass = 0.0
        for j in range(components):
            density[j] = math.exp(density[j] - highest)
            mass += density[j]
        value += highest + math.log(mass)
        by_mean[:] = 0.0
        by_total[:] = 0.0
        for j in range(components):
            share = density[j] / mass
            for i in range(SIZE):
                by_mean[i] += share * solved[j, i]
                for k in range(SIZE):
                    by_total[i, k] += 0.5 * share * (solved[j, i] * solved[j, k] - inverse[j, i, k])
        for i in range(SIZE):
            gradient[start_y + own * SIZE + i if own < several else i] += SD[0, i] * by_mean[i]
            for q in range(1, TERMS):
                gradient[q * SIZE + i] += c[study, q] * SD[q, i] * by_mean[i]
            for k in range(SIZE):
                by_within[i, k] += by_total[i, k]
                if own >= several:
                    by_lab[i, k] += wide * by_total[i, k]
                    if labs:
                        gradient[start_w + own] -= wide * by_total[i, k] * lab[i, k]
    _chain(LAB_SD, factor, by_lab, gradient[start_lab:start_within])
    _chain(WITHIN_SD, inner, by_within, gradient[start_within:start_y])
    return value
