"""One sweep of the Gibbs sampler of `two_stage`, compiled by numba.

Studies k have draws x[first[k]:first[k + 1]] with log densities log_prior of the prior they were drawn under. A state is M
(Q, 5), S_lab and S_within (5, 5), the picked x (K, 5) and the precision weight (L,) of each laboratory's effect.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.inference.fast.kernels import Index, compiled
from study.inference.parameters import Array


@compiled
def choose(x: Array, log_prior: Array, mean: Array, root: Array, uniform: float) -> tuple[int, float]:
    """A row of x (S, 5) picked with weights exp(-|root (x - mean)|^2 / 2 - log_prior), and Kish's effective number of rows."""
    log_weight = np.empty(len(x))
    for s in range(len(x)):
        squares = 0.0
        for i in range(root.shape[0]):
            z = 0.0
            for j in range(root.shape[1]):
                z += root[i, j] * (x[s, j] - mean[j])
            squares += z * z
        log_weight[s] = -0.5 * squares - log_prior[s]
    highest, total, squared = log_weight.max(), 0.0, 0.0
    for s in range(len(x)):
        log_weight[s] = math.exp(log_weight[s] - highest)
        total += log_weight[s]
        squared += log_weight[s] ** 2
    left = uniform * total
    for s in range(len(x)):
        left -= log_weight[s]
        if left <= 0.0:
            return s, total * total / squared
    return len(x) - 1, total * total / squared


@compiled
def normal_draw(precision: Array, right: Array, rng: Any) -> Array:
    """One draw of Normal(precision^-1 right, precision^-1)."""
    factor = np.linalg.cholesky(precision)
    z = np.linalg.solve(factor, right)
    for i in range(len(z)):
        z[i] += rng.standard_normal()
    return np.linalg.solve(np.ascontiguousarray(factor.T), z)


@compiled
def inverse_wishart(freedom: float, scale: Array, rng: Any) -> Array:
    """One draw of InverseWishart(freedom, scale), by Bartlett's decomposition."""
    size = len(scale)
    bartlett = np.zeros((size, size))
    for i in range(size):
        bartlett[i, i] = math.sqrt(rng.chisquare(freedom - i))
        for j in range(i):
            bartlett[i, j] = rng.standard_normal()
    root = np.linalg.inv(np.linalg.cholesky(np.linalg.inv(scale)) @ bartlett)
    return np.ascontiguousarray(root.T) @ root


@compiled
def covariance_draw(before: Array, squares: Array, count: int, scale: Array, freedom: float, rng: Any) -> Array:
    """A covariance given `count` vectors with the sum of squares `squares`, under Huang and Wand's prior (their section 3)."""
    size = len(scale)
    inverse, added = np.linalg.inv(before), squares.copy()
    for j in range(size):  # 1 / a_j given the covariance
        rate = 1.0 / scale[j] ** 2 + freedom * inverse[j, j]
        added[j, j] += 2.0 * freedom * rng.standard_gamma((freedom + size) / 2) / rate
    return inverse_wishart(freedom + size - 1 + count, added, rng)


@compiled
def pick(first: Index, draws: Array, log_prior: Array, relative: NDArray[np.bool_], member: Index, c: Array, part: Array,
         scale: Array, M: Array, lab: Array, within: Array, x: Array, weight: Array, effective: Array, rng: Any) -> None:
    """Each study given the population and the others of its laboratory, whose effect is integrated out.

    Of a study whose loss has no unit, only `part` @ x is weighed; then it is moved along `scale`, which its data do not know.
    """
    expected, within_inverse, lab_inverse, every = c @ M, np.linalg.inv(within), np.linalg.inv(lab), np.eye(len(lab))
    for k in range(len(x)):
        total, others = np.zeros(len(lab)), 0
        for other in range(len(x)):
            if member[other] == member[k] and other != k:
                total += x[other] - expected[other]
                others += 1
        cov = np.linalg.inv(lab_inverse * weight[member[k]] + others * within_inverse)
        mean = expected[k] + cov @ (within_inverse @ total)
        cov = cov + within
        seen = part if relative[k] else every
        root = np.linalg.inv(np.linalg.cholesky(seen @ cov @ np.ascontiguousarray(seen.T))) @ seen
        begin, end = first[k], first[k + 1]
        chosen, effective[k] = choose(draws[begin:end], log_prior[begin:end], mean, root, rng.random())
        x[k] = draws[begin + chosen]
        if relative[k]:
            along = np.linalg.inv(cov) @ scale
            precision = along @ scale
            x[k] += scale * (rng.standard_normal() / math.sqrt(precision) - along @ (x[k] - mean) / precision)


@compiled
def update(member: Index, c: Array, centre: Array, centre_precision: Array, lab_scale: Array, within_scale: Array, freedom: float,
           tails: float, M: Array, lab: Array, within: Array, x: Array, weight: Array, rng: Any) -> None:
    """The population given the studies: M with the laboratories' effects integrated out, those, then both covariances.

    centre, centre_precision: (Q, 5) prior of M; tails: degrees of freedom of the effects, infinite for the normal.
    """
    count, labs, terms, size = len(x), len(weight), c.shape[1], x.shape[1]
    lab_inverse, within_inverse = np.linalg.inv(lab), np.linalg.inv(within)
    precision, right = np.zeros((terms * size, terms * size)), np.zeros(terms * size)
    for q in range(terms):
        for j in range(size):
            precision[q * size + j, q * size + j] = centre_precision[q, j]
            right[q * size + j] = centre_precision[q, j] * centre[q, j]
    for index in range(labs):
        outer, sums, products, number = np.zeros((terms, terms)), np.zeros(terms), np.zeros((terms, size)), 0
        total = np.zeros(size)
        for k in range(count):
            if member[k] == index:
                outer += np.outer(c[k], c[k])
                sums += c[k]
                products += np.outer(c[k], within_inverse @ x[k])
                total += x[k]
                number += 1
        shared = within_inverse @ np.linalg.inv(weight[index] * lab_inverse + number * within_inverse) @ within_inverse
        given = shared @ total
        for q in range(terms):
            right[q * size:(q + 1) * size] += products[q] - sums[q] * given
            for r in range(terms):
                block = outer[q, r] * within_inverse - sums[q] * sums[r] * shared
                precision[q * size:(q + 1) * size, r * size:(r + 1) * size] += block
    drawn = normal_draw(precision, right, rng)
    for q in range(terms):
        M[q] = drawn[q * size:(q + 1) * size]

    residual = x - c @ M
    between, inside = np.zeros((size, size)), np.zeros((size, size))
    for index in range(labs):
        total, number = np.zeros(size), 0
        for k in range(count):
            if member[k] == index:
                total += residual[k]
                number += 1
        effect = normal_draw(weight[index] * lab_inverse + number * within_inverse, within_inverse @ total, rng)
        if tails < np.inf:
            distance = effect @ (lab_inverse @ effect)
            weight[index] = 2.0 * rng.standard_gamma((tails + size) / 2) / (tails + distance)
        between += weight[index] * np.outer(effect, effect)
        for k in range(count):
            if member[k] == index:
                inside += np.outer(residual[k] - effect, residual[k] - effect)
    lab[:] = covariance_draw(lab, between, labs, lab_scale, freedom, rng)
    within[:] = covariance_draw(within, inside, count, within_scale, freedom, rng)


@compiled
def sweeps(number: int, first: Index, draws: Array, log_prior: Array, relative: NDArray[np.bool_], member: Index, c: Array,
           part: Array, scale: Array, centre: Array, centre_precision: Array, lab_scale: Array, within_scale: Array,
           freedom: float, tails: float, M: Array, lab: Array, within: Array, x: Array, weight: Array, effective: Array,
           rng: Any) -> None:
    """So many sweeps, in place."""
    for _ in range(number):
        pick(first, draws, log_prior, relative, member, c, part, scale, M, lab, within, x, weight, effective, rng)
        update(member, c, centre, centre_precision, lab_scale, within_scale, freedom, tails, M, lab, within, x, weight, rng)
