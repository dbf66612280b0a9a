"""The pointwise likelihood of ln L, and the scale of its noise."""

import numpy as np
from scipy import stats

from study.inference.observations import Observations
from study.inference.parameters import Array, Parameters


def noise_scale(draws: Parameters, C: Array, N0: float, D0: float, repeats: Array | float = 1.0) -> Array:
    """s_i of ln L for runs of compute C: draws (S,) against C (..., 1) or (..., S)."""
    misfit = draws.s * np.exp(draws.g * np.log10(np.asarray(C) / (6 * N0 * D0)))
    return np.asarray(np.sqrt(misfit**2 + draws.s_seed**2 / repeats))


def log_likelihood(draws: Parameters, u: Array, rows: Observations, N0: float, D0: float) -> Array:
    """Log density of each row's ln L given each draw, shape (S, R). Subtract ln L for the density of L.

    u: group effects (S, G) for `rows.groups`.
    """
    mean = np.log(draws.surface(N0, D0).loss(rows.N[:, None], rows.D[:, None])) + u.T[rows.group]
    scale = noise_scale(draws, rows.C[:, None], N0, D0, rows.repeats[:, None])
    z = (np.log(rows.loss)[:, None] - mean) / scale
    if np.all(np.isinf(draws.nu)):
        density = stats.norm.logpdf(z)
    else:
        density = stats.t.logpdf(z, draws.nu)
    return np.asarray(density - np.log(scale)).T
