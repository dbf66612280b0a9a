"""The exact likelihood of the fast fit, compiled by numba: group effects integrated out, one quadrature a group.

phi, psi and the order of the rows are those of `kernels`.
"""

import math

import numpy as np

from study.inference.fast.kernels import HALF_LN_2PI, Index, compiled, log_constant, misfit, residuals, rows_of
from study.inference.parameters import Array

QUADRATURE = np.arange(-5.0, 5.01, 0.25)  # x, with u = mode + width sinh(x)
FINE = np.arange(-5.0, 5.001, 0.125)  # the same for drawing u
REWEIGHTINGS = 8


@compiled
def effect_mode(residual: Array, inverse_s: Array, inverse_nu: float, tau: float, begin: int,
                end: int) -> tuple[float, float]:
    """Mode of one group's effect given the residuals, by reweighting, and the width 1 / sqrt(precision)."""
    u, total = 0.0, 1.0
    for _ in range(REWEIGHTINGS):
        weighted, total = 0.0, 1.0 / (tau * tau)
        for i in range(begin, end):
            precision = inverse_s[i] * inverse_s[i]
            w = precision * (1.0 + inverse_nu) / (1.0 + inverse_nu * (residual[i] - u) ** 2 * precision)
            weighted, total = weighted + w * residual[i], total + w
        u = weighted / total
    return u, 1.0 / math.sqrt(total)


@compiled
def log_likelihood(phi: Array, psi: Array, n: Array, d: Array, y: Array, c: Array, first: Index) -> Array:
    """ln p(y | phi, psi), the group effects integrated out, shape (M,).

    Normal noise: in closed form. Student-t: the trapezoidal rule in x with u = mode + width sinh(x), which converges
    geometrically and reaches 74 widths.
    """
    rows, groups = len(y), len(first) - 1
    xa, xb, inverse_s, residual = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    value, exponent = np.empty(len(phi)), np.empty(len(QUADRATURE))
    for m in range(len(phi)):
        inverse_nu, tau = phi[m, 4], phi[m, 5]
        total = rows_of(phi[m], n, d, c, xa, xb, inverse_s) + rows * log_constant(inverse_nu)
        residuals(psi[m], xa, xb, y, residual)
        for group in range(groups):
            begin, end = first[group], first[group + 1]
            if tau <= 0.0:
                total -= misfit(residual, 0.0, inverse_s, inverse_nu, begin, end)
                continue
            mode, width = effect_mode(residual, inverse_s, inverse_nu, tau, begin, end)
            peak = misfit(residual, mode, inverse_s, inverse_nu, begin, end) + 0.5 * (mode / tau) ** 2
            if inverse_nu < 1e-9:
                total += math.log(width / tau) - peak
                continue
            highest = -math.inf
            for k in range(len(QUADRATURE)):
                u = mode + width * math.sinh(QUADRATURE[k])
                exponent[k] = peak - 0.5 * (u / tau) ** 2  # a bound of the logarithm of the integrand
                if exponent[k] > -25.0:
                    exponent[k] -= misfit(residual, u, inverse_s, inverse_nu, begin, end)
                highest = max(highest, exponent[k])
            integral = 0.0
            for k in range(len(QUADRATURE)):
                integral += math.exp(exponent[k] - highest) * math.cosh(QUADRATURE[k])
            total += math.log(integral * (QUADRATURE[1] - QUADRATURE[0]) * width / tau) - HALF_LN_2PI - peak + highest
        value[m] = total
    return value


@compiled
def draw_effects(phi: Array, psi: Array, uniform: Array, n: Array, d: Array, y: Array, c: Array, first: Index) -> Array:
    """One draw of the K group effects for each (phi, psi) from uniforms (M, K), by the inverse of their c.d.f."""
    rows, groups = len(y), len(first) - 1
    xa, xb, inverse_s, residual = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    out, mass = np.zeros((len(phi), groups)), np.empty(len(FINE))
    for m in range(len(phi)):
        inverse_nu, tau = phi[m, 4], phi[m, 5]
        if tau <= 0.0:
            continue
        rows_of(phi[m], n, d, c, xa, xb, inverse_s)
        residuals(psi[m], xa, xb, y, residual)
        for group in range(groups):
            begin, end = first[group], first[group + 1]
            mode, width = effect_mode(residual, inverse_s, inverse_nu, tau, begin, end)
            peak = misfit(residual, mode, inverse_s, inverse_nu, begin, end) + 0.5 * (mode / tau) ** 2
            highest, total = -math.inf, 0.0
            for k in range(len(FINE)):
                u = mode + width * math.sinh(FINE[k])
                mass[k] = peak - 0.5 * (u / tau) ** 2
                if mass[k] > -25.0:
                    mass[k] -= misfit(residual, u, inverse_s, inverse_nu, begin, end)
                highest = max(highest, mass[k])
            for k in range(len(FINE)):
                mass[k] = math.exp(mass[k] - highest) * math.cosh(FINE[k])
                total += mass[k]
            left = uniform[m, group] * total
            k = 0
            while k < len(FINE) - 1 and left > mass[k]:
                left -= mass[k]
                k += 1
            x = FINE[k] + (left / mass[k] - 0.5) * (FINE[1] - FINE[0]) if mass[k] > 0.0 else FINE[k]
            out[m, group] = mode + width * math.sinh(x)
    return out
