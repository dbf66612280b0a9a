"""The inner loop of the fast fit, compiled by numba: conditional modes of the three terms and of the group effects.

For given nonlinear parameters phi = (alpha, beta, s, g, 1 / nu, tau) the three log terms psi = (ln E, ln tA, ln tB) have a
Gaussian prior, and the group effects u a Gaussian one too. `conditional_modes` finds the joint mode of (psi, u) and its
curvature.

Rows are sorted by group: first[k] <= i < first[k + 1] are the rows of group k. 1 / nu = 0 is the normal.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from study.inference.parameters import Array

Index = NDArray[np.int64]
ITERATIONS = 40
TOLERANCE = 1e-4  # the Newton decrement at which the mode is good enough for a proposal
HALF_LN_2PI = 0.5 * math.log(2 * math.pi)
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile once per machine (cached on disk). Calls release the interpreter's lock.

    Without fastmath: it is a quarter faster, but sums that may be reordered differ in the last bits between the process that
    compiles and those that read the cache, and a fit should not.
    """
    return cast(F, numba.njit(cache=True, error_model="numpy", nogil=True)(function))


@compiled
def solve3(h: Array, b: Array, out: Array) -> float:
    """Solve h out = b for a symmetric positive 3 x 3 h (lower half read); returns ln det h."""
    a = math.sqrt(h[0, 0])
    p, q = h[1, 0] / a, h[2, 0] / a
    c = math.sqrt(max(h[1, 1] - p * p, 1e-300))
    r = (h[2, 1] - p * q) / c
    e = math.sqrt(max(h[2, 2] - q * q - r * r, 1e-300))
    y0 = b[0] / a
    y1 = (b[1] - p * y0) / c
    out[2] = (b[2] - q * y0 - r * y1) / (e * e)
    out[1] = (y1 - r * out[2]) / c
    out[0] = (y0 - p * out[1] - q * out[2]) / a
    return 2.0 * (math.log(a) + math.log(c) + math.log(e))


@compiled
def log_constant(inverse_nu: float) -> float:
    """ln of the density of the standard noise at 0."""
    if inverse_nu < 1e-9:
        return -HALF_LN_2PI
    half = 0.5 / inverse_nu
    return math.lgamma(half + 0.5) - math.lgamma(half) - 0.5 * math.log(math.pi / inverse_nu)


@compiled
def misfit(residual: Array, u: float, inverse_s: Array, inverse_nu: float, begin: int, end: int) -> float:
    """-ln prod_i noise((residual_i - u) / s_i) over rows begin..end, up to its constant."""
    total = 0.0
    if inverse_nu < 1e-9:
        for i in range(begin, end):
            total += ((residual[i] - u) * inverse_s[i]) ** 2
        return 0.5 * total
    product = 1.0
    for i in range(begin, end):
        product *= 1.0 + inverse_nu * ((residual[i] - u) * inverse_s[i]) ** 2
        if product > 1e100:  # one logarithm for many rows
            total += math.log(product)
            product = 1.0
    return 0.5 * (1.0 / inverse_nu + 1.0) * (total + math.log(product))


@compiled
def residuals(psi: Array, xa: Array, xb: Array, y: Array, out: Array) -> None:
    """y - ln(E + tA xa + tB xb)."""
    E, tA, tB = math.exp(psi[0]), math.exp(psi[1]), math.exp(psi[2])
    for i in range(len(y)):
        out[i] = y[i] - math.log(E + tA * xa[i] + tB * xb[i])


@compiled
def rows_of(phi: Array, n: Array, d: Array, c: Array, xa: Array, xb: Array, inverse_s: Array) -> float:
    """Fill (N/N0)^-alpha, (D/D0)^-beta and 1/s_i; returns sum ln(1/s_i)."""
    total = 0.0
    for i in range(len(n)):
        xa[i], xb[i] = math.exp(-phi[0] * n[i]), math.exp(-phi[1] * d[i])
        total += -phi[3] * c[i]
        inverse_s[i] = math.exp(-phi[3] * c[i]) / phi[2]
    return total - len(n) * math.log(phi[2])


@compiled
def normal_equations(psi: Array, u: Array, residual: Array, xa: Array, xb: Array, inverse_s: Array, inverse_nu: float,
                     tau: float, factor: float, first: Index, mean: Array, sd: Array, h: Array, gradient: Array,
                     block: Array) -> None:
    """The reweighted normal equations of psi with u eliminated; block[k] = (sum w J, sum w r, sum w) of group k."""
    E, tA, tB = math.exp(psi[0]), math.exp(psi[1]), math.exp(psi[2])
    h[:] = 0.0
    for k in range(3):
        h[k, k] = 1.0 / (sd[k] * sd[k])
        gradient[k] = (mean[k] - psi[k]) * h[k, k]
    for group in range(len(first) - 1):
        s0, s1, s2, sr, total = 0.0, 0.0, 0.0, 0.0, 0.0
        h00, h10, h11, h20, h21, h22, g0, g1, g2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(first[group], first[group + 1]):
            r = residual[i] - u[group]
            precision = inverse_s[i] * inverse_s[i]
            w = factor * precision * (1.0 + inverse_nu) / (1.0 + inverse_nu * r * r * precision)
            a, b = tA * xa[i], tB * xb[i]
            inverse = 1.0 / (E + a + b)
            j0, j1, j2 = E * inverse, a * inverse, b * inverse
            w0, w1, w2 = w * j0, w * j1, w * j2
            total, sr, s0, s1, s2 = total + w, sr + w * r, s0 + w0, s1 + w1, s2 + w2
            h00, h10, h11, h20, h21, h22 = (h00 + w0 * j0, h10 + w1 * j0, h11 + w1 * j1, h20 + w2 * j0, h21 + w2 * j1,
                                            h22 + w2 * j2)
            g0, g1, g2 = g0 + w0 * r, g1 + w1 * r, g2 + w2 * r
        if tau > 0.0:
            total += 1.0 / (tau * tau)
            sr -= u[group] / (tau * tau)
            f0, f1, f2 = s0 / total, s1 / total, s2 / total
            h00, h10, h11 = h00 - f0 * s0, h10 - f1 * s0, h11 - f1 * s1
            h20, h21, h22 = h20 - f2 * s0, h21 - f2 * s1, h22 - f2 * s2
            g0, g1, g2 = g0 - f0 * sr, g1 - f1 * sr, g2 - f2 * sr
        block[group, 0], block[group, 1], block[group, 2], block[group, 3], block[group, 4] = s0, s1, s2, sr, total
        h[0, 0] += h00
        h[1, 0] += h10
        h[1, 1] += h11
        h[2, 0] += h20
        h[2, 1] += h21
        h[2, 2] += h22
        gradient[0] += g0
        gradient[1] += g1
        gradient[2] += g2


@compiled
def conditional_modes(phi: Array, start: Array, chain: bool, n: Array, d: Array, y: Array, c: Array, first: Index,
                      mean: Array, sd: Array) -> tuple[Array, Array, Array]:
    """Mode, precision and Laplace's log integral of psi for each phi.

    The integral is that of  N(psi; mean, sd) prod_i noise(y_i - ln Lhat_i(psi) - u) prod_k N(u_k; 0, tau)  over psi and
    u. Levenberg-Marquardt on the reweighted least squares of the Student-t; the final precision of row i is the weight
    times (nu + 1) / (nu + 3), so that on average it is the expected information.

    Args:
        phi: (M, 6) rows of alpha, beta, s, g, 1 / nu, tau.
        start: (M, 3) first guesses of psi; with `chain` each row but the first starts where the one before ended.
        n, d, y, c: (R,) ln(N / N0), ln(D / D0), ln L and log10(C / C0).
        first: (K + 1,) the first row of each group.
        mean, sd: (M, 3) and (3,) of the Gaussian prior of psi.

    Returns:
        psi (M, 3), precision (M, 3, 3), log integral (M,).
    """
    rows, groups = len(y), len(first) - 1
    psi_out, precision, value = np.empty((len(phi), 3)), np.empty((len(phi), 3, 3)), np.empty(len(phi))
    xa, xb, inverse_s, residual = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    u, trial_u, block = np.zeros(groups), np.zeros(groups), np.ones((groups, 5))
    h, damped, gradient, step = np.eye(3), np.empty((3, 3)), np.zeros(3), np.empty(3)
    psi, trial = start[0].copy(), np.empty(3)
    for m in range(len(phi)):
        inverse_nu, tau = phi[m, 4], phi[m, 5]
        if not chain:
            psi[:] = start[m]
        u[:] = 0.0
        log_scale = rows_of(phi[m], n, d, c, xa, xb, inverse_s)
        damping, best = 0.0, math.inf
        trial[:] = psi
        trial_u[:] = 0.0
        for _ in range(ITERATIONS):
            residuals(trial, xa, xb, y, residual)
            objective = 0.0
            for k in range(3):
                objective += 0.5 * ((trial[k] - mean[m, k]) / sd[k]) ** 2
            for group in range(groups):
                objective += misfit(residual, trial_u[group], inverse_s, inverse_nu, first[group], first[group + 1])
                if tau > 0.0:
                    objective += 0.5 * (trial_u[group] / tau) ** 2
            if objective < best + 1e-9:
                best = objective
                psi[:] = trial
                u[:] = trial_u
                damping = damping * 0.1 if damping > 1e-3 else 0.0
                normal_equations(psi, u, residual, xa, xb, inverse_s, inverse_nu, tau, 1.0, first, mean[m], sd, h, gradient,
                                 block)
            else:
                damping = max(damping * 8.0, 0.05)
            damped[:] = h
            for k in range(3):
                damped[k, k] *= 1.0 + damping
            solve3(damped, gradient, step)
            decrement = step[0] * gradient[0] + step[1] * gradient[1] + step[2] * gradient[2]
            shift = 0.0  # how far the group effects still have to go
            shrink = min(1.0, 2.0 / max(abs(step[0]), abs(step[1]), abs(step[2])))
            for k in range(3):
                trial[k] = psi[k] + shrink * step[k]
            if tau > 0.0:
                for group in range(groups):
                    move = block[group, 3]
                    shift += move * move / block[group, 4]
                    for k in range(3):
                        move -= block[group, k] * shrink * step[k]
                    trial_u[group] = u[group] + move / block[group, 4]
            if decrement + shift < TOLERANCE:
                break
        residuals(psi, xa, xb, y, residual)
        normal_equations(psi, u, residual, xa, xb, inverse_s, inverse_nu, tau, (1.0 + inverse_nu) / (1.0 + 3.0 * inverse_nu),
                         first, mean[m], sd, h, gradient, block)
        value[m] = rows * log_constant(inverse_nu) + log_scale - best - 0.5 * solve3(h, gradient, step)
        for k in range(3):
            value[m] -= math.log(sd[k])
            for other in range(k):
                h[other, k] = h[k, other]
        if tau > 0.0:
            for group in range(groups):
                value[m] -= 0.5 * math.log(block[group, 4] * tau * tau)
        psi_out[m] = psi
        precision[m] = h
    return psi_out, precision, value
