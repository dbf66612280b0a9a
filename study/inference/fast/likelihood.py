"""The exact likelihood of the fast fit, compiled by numba: group effects integrated out, one quadrature a group.

phi, psi and the order of the rows are those of `kernels`.
"""

import math

import numpy as np

from study.inference.fast.kernels import HALF_LN_2PI, Index, compiled, log_constant, misfit, residuals, rows_of
from study.inference.parameters import Array

STEP = 0.25
NODES = np.arange(-5.0, 5.01, STEP)  # x, with u = mode + width sinh(x)
SINH, COSH = np.sinh(NODES), np.cosh(NODES)
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
def log_integrand(residual: Array, inverse_s: Array, inverse_nu: float, tau: float, begin: int, end: int, mode: float,
                  width: float, misfits: Array, out: Array) -> None:
    """ln of one group's noise and prior at u = mode + width sinh(x), less that at the mode, at each node x.

    Nodes whose prior alone is e^-25 below the mode's keep that bound. `misfits` is space of the nodes' number.
    """
    normal = inverse_nu < 1e-9
    misfits[:] = 0.0 if normal else 1.0
    for i in range(begin, end):  # the nodes innermost, many to an instruction; what overflows has no density
        r, precision = residual[i] - mode, inverse_s[i] * inverse_s[i]
        if normal:
            for k in range(len(NODES)):
                misfits[k] += ((r - width * SINH[k]) ** 2 - r * r) * precision
        else:
            at_mode = 1.0 / (1.0 + inverse_nu * r * r * precision)
            for k in range(len(NODES)):
                misfits[k] *= (1.0 + inverse_nu * (r - width * SINH[k]) ** 2 * precision) * at_mode
    for k in range(len(NODES)):
        out[k] = 0.5 * (mode * mode - (mode + width * SINH[k]) ** 2) / (tau * tau)
        if out[k] > -25.0:
            out[k] -= 0.5 * misfits[k] if normal else 0.5 * (1.0 / inverse_nu + 1.0) * math.log(misfits[k])


@compiled
def log_marginal(residual: Array, inverse_s: Array, inverse_nu: float, tau: float, first: Index, exponent: Array,
                 misfits: Array) -> float:
    """ln of the noise's density at the residuals (R,), less its constant and ln(1 / s), the group effects integrated out.

    Normal noise: in closed form. Student-t: the trapezoidal rule in x with u = mode + width sinh(x), which converges
    geometrically and reaches 74 widths. `exponent` and `misfits` are space of the nodes' number.
    """
    total = 0.0
    for group in range(len(first) - 1):
        begin, end = first[group], first[group + 1]
        if tau <= 0.0:
            total -= misfit(residual, 0.0, inverse_s, inverse_nu, begin, end)
            continue
        mode, width = effect_mode(residual, inverse_s, inverse_nu, tau, begin, end)
        peak = misfit(residual, mode, inverse_s, inverse_nu, begin, end) + 0.5 * (mode / tau) ** 2
        if inverse_nu < 1e-9:
            total += math.log(width / tau) - peak
            continue
        log_integrand(residual, inverse_s, inverse_nu, tau, begin, end, mode, width, misfits, exponent)
        highest, integral = exponent.max(), 0.0
        for k in range(len(NODES)):
            integral += math.exp(exponent[k] - highest) * COSH[k]
        total += math.log(integral * STEP * width / tau) - HALF_LN_2PI - peak + highest
    return total


@compiled
def log_likelihood(phi: Array, psi: Array, n: Array, d: Array, y: Array, c: Array, first: Index) -> Array:
    """ln p(y | phi, psi), the group effects integrated out, shape (M,)."""
    rows = len(y)
    xa, xb, inverse_s, residual = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    value, exponent, misfits = np.empty(len(phi)), np.empty(len(NODES)), np.empty(len(NODES))
    for m in range(len(phi)):
        inverse_nu, tau = phi[m, 4], phi[m, 5]
        total = rows_of(phi[m], n, d, c, xa, xb, inverse_s) + rows * log_constant(inverse_nu)
        residuals(psi[m], xa, xb, y, residual)
        total += log_marginal(residual, inverse_s, inverse_nu, tau, first, exponent, misfits)
        value[m] = total
    return value


@compiled
def effects_of(residual: Array, inverse_s: Array, inverse_nu: float, tau: float, uniform: Array, first: Index, mass: Array,
               misfits: Array, out: Array) -> None:
    """One draw of each group's effect given the residuals (R,), from a uniform each (K,)."""
    for group in range(len(first) - 1):
        begin, end = first[group], first[group + 1]
        mode, width = effect_mode(residual, inverse_s, inverse_nu, tau, begin, end)
        log_integrand(residual, inverse_s, inverse_nu, tau, begin, end, mode, width, misfits, mass)
        highest, total = mass.max(), 0.0
        for k in range(len(NODES)):
            mass[k] = math.exp(mass[k] - highest) * COSH[k]
            total += mass[k]
        left, k = uniform[group] * total, 0
        while k < len(NODES) - 2 and left > 0.5 * (mass[k] + mass[k + 1]):
            left -= 0.5 * (mass[k] + mass[k + 1])
            k += 1
        part = 2.0 * left / max(mass[k] + math.sqrt(max(mass[k] ** 2 + 2.0 * (mass[k + 1] - mass[k]) * left, 0.0)), 1e-300)
        out[group] = mode + width * math.sinh(NODES[k] + STEP * min(part, 1.0))


@compiled
def draw_effects(phi: Array, psi: Array, uniform: Array, n: Array, d: Array, y: Array, c: Array, first: Index) -> Array:
    """One draw of the K group effects for each (phi, psi) from uniforms (M, K).

    By the inverse of their c.d.f., the density in x linear between the nodes.
    """
    rows = len(y)
    xa, xb, inverse_s, residual = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    out, mass, misfits = np.zeros((len(phi), len(first) - 1)), np.empty(len(NODES)), np.empty(len(NODES))
    for m in range(len(phi)):
        inverse_nu, tau = phi[m, 4], phi[m, 5]
        if tau <= 0.0:
            continue
        rows_of(phi[m], n, d, c, xa, xb, inverse_s)
        residuals(psi[m], xa, xb, y, residual)
        effects_of(residual, inverse_s, inverse_nu, tau, uniform[m], first, mass, misfits, out[m])
    return out


@compiled
def marginals(residual: Array, ln_s: Array, inverse_nu: Array, tau: Array, first: Index) -> Array:
    """ln p of residuals of any law, (M, R) with scales exp(ln_s), the group effects integrated out, shape (M,)."""
    value, inverse_s = np.empty(len(residual)), np.empty(residual.shape[1])
    exponent, misfits = np.empty(len(NODES)), np.empty(len(NODES))
    for m in range(len(residual)):
        total = residual.shape[1] * log_constant(inverse_nu[m])
        for i in range(len(inverse_s)):
            total -= ln_s[m, i]
            inverse_s[i] = math.exp(-ln_s[m, i])
        value[m] = total + log_marginal(residual[m], inverse_s, inverse_nu[m], tau[m], first, exponent, misfits)
    return value


@compiled
def draw_effects_of(residual: Array, ln_s: Array, inverse_nu: Array, tau: Array, uniform: Array, first: Index) -> Array:
    """One draw of the K group effects for each row of residuals of any law, (M, R), from uniforms (M, K)."""
    out, inverse_s = np.zeros(uniform.shape), np.empty(residual.shape[1])
    mass, misfits = np.empty(len(NODES)), np.empty(len(NODES))
    for m in range(len(residual)):
        for i in range(len(inverse_s)):
            inverse_s[i] = math.exp(-ln_s[m, i])
        effects_of(residual[m], inverse_s, inverse_nu[m], tau[m], uniform[m], first, mass, misfits, out[m])
    return out
