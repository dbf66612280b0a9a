"""The log density of a population given the studies' summaries, and its gradient, compiled by numba for NUTS.

The coordinates are those of `layout`. The effect v = F z of a laboratory, z ~ Normal(0, I), is integrated out with its studies.
Study k's component j has the precision A_kj = (cov_kj + S_within)^-1 and the residual r_kj = mean_kj - M' c_k; of one component
of each study,

    ln p = sum_k (ln weight_kj + ln Normal(r_kj; 0, A_kj^-1)) - ln det(Q) / 2 + g' Q^-1 g / 2,
    Q = I + sum_k F' A_kj F,   g = sum_k F' A_kj r_kj,    and z given all is Normal(Q^-1 g, Q^-1)

summed over all choices of components. The gradient is the mean of that of ln p(z, summaries) over choices and z.
"""

import math

import numpy as np

from study.inference.fast.kernels import Index, compiled
from study.inference.parameters import Array
from study.inference.pooled.coordinates import SIZE
from study.inference.pooled.layout import MEAN, ROWS, SD, TERMS, factor_gradient, factor_of
from study.inference.pooled.population import LAB_SD, WITHIN_SD


@compiled
def invert(A: Array, root: Array, inverse: Array) -> float:
    """Inverse of a positive definite A (5, 5), lower half read; returns ln det A. `root` (5, 5) is scratch: its upper half is
    the inverse of its Cholesky factor, transposed.
    """
    det = 1.0
    for j in range(SIZE):
        for i in range(j, SIZE):
            value = A[i, j]
            for k in range(j):
                value -= root[i, k] * root[j, k]
            if i == j:
                value = max(value, 1e-300)
                det *= value
                root[j, j] = 1 / math.sqrt(value)
            else:
                root[i, j] = value * root[j, j]
    for i in range(1, SIZE):
        for j in range(i):
            value = -root[i, j] * root[j, j]
            for k in range(j + 1, i):
                value -= root[i, k] * root[j, k]
            root[j, i] = value * root[i, i]
    for i in range(SIZE):
        for j in range(i + 1):
            value = root[j, i] * root[i, i]
            for k in range(i + 1, SIZE):
                value += root[i, k] * root[j, k]
            inverse[i, j] = inverse[j, i] = value
    return math.log(det)


@compiled
def product(A: Array, B: Array, out: Array) -> None:
    """out = A B, (5, 5): at this size a third of the time of BLAS."""
    for i in range(SIZE):
        for j in range(SIZE):
            value = 0.0
            for k in range(SIZE):
                value += A[i, k] * B[k, j]
            out[i, j] = value


@compiled
def components_of(log_weight: Array, mean: Array, cov: Array, expected: Array, within: Array, residual: Array, A: Array,
                  solved: Array, alone: Array) -> None:
    """r, A, A r and ln(weight Normal(r; 0, A^-1)) of each component of one study, filled; (J, 5), (J, 5, 5), (J, 5), (J,)."""
    total, root = np.empty((SIZE, SIZE)), np.empty((SIZE, SIZE))
    for j in range(len(log_weight)):
        for i in range(SIZE):
            for k in range(SIZE):
                total[i, k] = cov[j, i, k] + within[i, k]
        log_det, squares = invert(total, root, A[j]), 0.0
        for i in range(SIZE):
            residual[j, i] = mean[j, i] - expected[i]
        for i in range(SIZE):
            solved[j, i] = 0.0
            for k in range(SIZE):
                solved[j, i] += A[j, i, k] * residual[j, k]
            squares += solved[j, i] * residual[j, i]
        alone[j] = log_weight[j] - 0.5 * (squares + log_det)


@compiled
def choices_of(F: Array, A: Array, solved: Array, alone: Array, density: Array, z: Array, cov: Array) -> int:
    """One laboratory's studies (K first): of each choice of components, ln p, and the mean and covariance of z, filled.

    Choice number n takes of study k the component (n // J^k) % J. Returns J^K.
    """
    studies, components = alone.shape
    B, g, half = np.empty((studies, components, SIZE, SIZE)), np.empty((studies, components, SIZE)), np.empty((SIZE, SIZE))
    for k in range(studies):
        for j in range(components):
            product(A[k, j], F, half)
            product(F.T, half, B[k, j])
            for i in range(SIZE):
                g[k, j, i] = 0.0
                for m in range(SIZE):
                    g[k, j, i] += F[m, i] * solved[k, j, m]
    Q, right, root, number = np.empty((SIZE, SIZE)), np.empty(SIZE), np.empty((SIZE, SIZE)), components**studies
    for n in range(number):
        density[n], left = 0.0, n
        for i in range(SIZE):
            right[i] = 0.0
            for m in range(i + 1):
                Q[i, m] = 1.0 if i == m else 0.0
        for k in range(studies):
            j, left = left % components, left // components
            density[n] += alone[k, j]
            for i in range(SIZE):
                right[i] += g[k, j, i]
                for m in range(i + 1):
                    Q[i, m] += B[k, j, i, m]
        density[n] -= 0.5 * invert(Q, root, cov[n])
        for i in range(SIZE):
            z[n, i] = 0.0
            for m in range(SIZE):
                z[n, i] += cov[n, i, m] * right[m]
            density[n] += 0.5 * z[n, i] * right[i]
    return number


@compiled
def log_density(theta: Array, log_weight: Array, mean: Array, cov: Array, c: Array, first: Index, heavy: bool, tails: float,
                gradient: Array) -> float:
    """ln p(theta, summaries) but for a constant, `gradient` filled.

    Study k: log_weight[k] (J,), mean[k] (J, 5), cov[k] (J, 5, 5), c[k]. Laboratory l has the studies first[l] to first[l + 1].
    """
    start, middle, end = TERMS * SIZE, TERMS * SIZE + ROWS, TERMS * SIZE + 2 * ROWS
    labs, components = len(first) - 1, log_weight.shape[1]
    value, M = 0.0, np.empty((TERMS, SIZE))
    gradient[:] = 0.0
    for q in range(TERMS):
        for i in range(SIZE):
            value -= 0.5 * theta[q * SIZE + i] ** 2
            gradient[q * SIZE + i] = -theta[q * SIZE + i]
            M[q, i] = MEAN[q, i] + SD[q, i] * theta[q * SIZE + i]
    lab, inner = factor_of(theta[start:middle], LAB_SD), factor_of(theta[middle:end], WITHIN_SD)
    within, expected = inner @ inner.T, c @ M
    by_lab, by_within = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))

    most = np.diff(first).max()
    residual, A = np.empty((most, components, SIZE)), np.empty((most, components, SIZE, SIZE))
    solved, alone = np.empty((most, components, SIZE)), np.empty((most, components))
    density, z, z_cov = np.empty(components**most), np.empty((components**most, SIZE)), np.empty((components**most, SIZE, SIZE))
    v, Fzz, AFzz, away, half = (np.empty(SIZE), np.empty((SIZE, SIZE)), np.empty((SIZE, SIZE)), np.empty((SIZE, SIZE)),
                                np.empty((SIZE, SIZE)))
    for own in range(labs):
        studies = first[own + 1] - first[own]
        wide = math.exp(-0.5 * theta[end + own]) if heavy else 1.0
        F = wide * lab
        for k in range(studies):
            study = first[own] + k
            components_of(log_weight[study], mean[study], cov[study], expected[study], within, residual[k], A[k], solved[k],
                          alone[k])
        number = choices_of(F, A[:studies], solved[:studies], alone[:studies], density, z, z_cov)
        highest, mass = density[:number].max(), 0.0
        for n in range(number):
            density[n] = math.exp(density[n] - highest)
            mass += density[n]
        value += highest + math.log(mass)
        # over the choices that take component j of study k: their share, and the moments of z
        share, once = np.zeros((studies, components)), np.zeros((studies, components, SIZE))
        twice = np.zeros((studies, components, SIZE, SIZE))
        for n in range(number):
            part, left = density[n] / mass, n
            if part < 1e-14:
                continue
            for i in range(SIZE):
                for m in range(SIZE):
                    z_cov[n, i, m] = part * (z_cov[n, i, m] + z[n, i] * z[n, m])
            for k in range(studies):
                j, left = left % components, left // components
                share[k, j] += part
                for i in range(SIZE):
                    once[k, j, i] += part * z[n, i]
                    for m in range(SIZE):
                        twice[k, j, i, m] += z_cov[n, i, m]
        by_F = np.zeros((SIZE, SIZE))
        for k in range(studies):
            study = first[own] + k
            by_mean = np.zeros(SIZE)
            for j in range(components):
                if share[k, j] < 1e-14:
                    continue
                r, part = residual[k, j], share[k, j]
                product(F, twice[k, j], Fzz)
                product(Fzz, F.T, away)  # E[v v'], then E[(r - v) (r - v)']
                product(A[k, j], Fzz, AFzz)
                for i in range(SIZE):
                    v[i] = 0.0
                    for m in range(SIZE):
                        v[i] += F[i, m] * once[k, j, m]
                for i in range(SIZE):
                    by_mean[i] += part * solved[k, j, i]
                    for m in range(SIZE):
                        by_mean[i] -= A[k, j, i, m] * v[m]
                        by_F[i, m] += solved[k, j, i] * once[k, j, m] - AFzz[i, m]
                        away[i, m] += part * r[i] * r[m] - r[i] * v[m] - v[i] * r[m]
                product(A[k, j], away, half)
                product(half, A[k, j], away)
                for i in range(SIZE):
                    for m in range(SIZE):
                        by_within[i, m] += 0.5 * (away[i, m] - part * A[k, j, i, m])
            for q in range(TERMS):
                for i in range(SIZE):
                    gradient[q * SIZE + i] += c[study, q] * SD[q, i] * by_mean[i]
        by_lab += wide * by_F
        if heavy:
            value += 0.5 * tails * (theta[end + own] - math.exp(theta[end + own]))
            gradient[end + own] += 0.5 * tails * (1 - math.exp(theta[end + own])) - 0.5 * (F * by_F).sum()
    value += factor_gradient(theta[start:middle], lab, by_lab, gradient[start:middle])
    return value + factor_gradient(theta[middle:end], inner, 2 * by_within @ inner, gradient[middle:end])


@compiled
def effects(M: Array, lab: Array, within: Array, wide: Array, log_weight: Array, mean: Array, cov: Array, c: Array,
            uniform: Array, normal: Array) -> Array:
    """v of one laboratory given each draw of the population and the summaries of its studies, (S, 5).

    M (S, 6, 5); lab, within: factors (S, 5, 5); wide (S,) scales S_lab; uniform (S,) and normal (S, 5) are the randomness.
    """
    studies, components = log_weight.shape
    residual, A = np.empty((components, SIZE)), np.empty((studies, components, SIZE, SIZE))
    solved, alone = np.empty((studies, components, SIZE)), np.empty((studies, components))
    most = components**studies
    density, z, z_cov = np.empty(most), np.empty((most, SIZE)), np.empty((most, SIZE, SIZE))
    out = np.empty((len(M), SIZE))
    for s in range(len(M)):
        inner, F = within[s] @ within[s].T, math.sqrt(wide[s]) * lab[s]
        expected = c @ M[s]
        for k in range(studies):
            components_of(log_weight[k], mean[k], cov[k], expected[k], inner, residual, A[k], solved[k], alone[k])
        choices_of(F, A, solved, alone, density, z, z_cov)
        weight = np.exp(density - density.max())
        left, chosen = uniform[s] * weight.sum(), 0
        while chosen < most - 1 and left > weight[chosen]:
            left -= weight[chosen]
            chosen += 1
        out[s] = F @ (z[chosen] + np.linalg.cholesky(z_cov[chosen]) @ normal[s])
    return out
