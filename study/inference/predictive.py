"""Losses a model expects: the pointwise likelihood of ln L, and simulated losses from prior or posterior draws."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from study.inference.observations import Observations, observations
from study.inference.parameters import Array, Parameters, Surface
from study.inference.priors import draw_prior
from study.inference.spec import BYTES_PER_TOKEN, ModelSpec

if TYPE_CHECKING:
    from study.inference.posterior import Posterior


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


def noise(draws: Parameters, scale: Array, rng: np.random.Generator) -> Array:
    """Noise in ln L with the draws' tails, of the shape of `scale`, whose last axis runs over the draws."""
    z = rng.standard_normal(scale.shape)
    if not np.all(np.isinf(draws.nu)):
        z = z / np.sqrt(rng.chisquare(np.broadcast_to(draws.nu, scale.shape)) / draws.nu)
    return np.asarray(scale * z)


def simulate(draws: Parameters, surface: Surface, N: Array, D: Array, C: Array, effect: Array, N0: float, D0: float,
             rng: np.random.Generator) -> Array:
    """Simulated losses of single runs, nats a token. All arguments broadcast to (..., S); `effect` is u of each run."""
    mean = np.log(surface.loss(N, D)) + effect
    scale = np.broadcast_to(noise_scale(draws, C, N0, D0), mean.shape)
    return np.asarray(np.exp(np.minimum(mean + noise(draws, scale, rng), 700.0)))  # nu near 0 draws noise beyond any float


def predict_losses(posterior: "Posterior", table: pd.DataFrame, *, seed: int) -> Array:
    """Posterior predictive losses of the rows of `table`, shape (S, R), nats a token.

    A row of a fitted group has that group's effect; rows of a new group share a fresh draw of it.
    """
    rows = observations(table, posterior.spec)
    known = {name: posterior.u[:, i] for i, name in enumerate(posterior.rows.groups)}
    rng = np.random.default_rng(seed)
    fresh = [posterior.parameters.tau * rng.standard_normal(len(posterior.parameters)) for _ in rows.groups]
    effects = np.stack([known.get(name, fresh[i]) for i, name in enumerate(rows.groups)])
    return simulate(posterior.parameters, posterior.draws, rows.N[:, None], rows.D[:, None], rows.C[:, None],
                    effects[rows.group], posterior.N0, posterior.D0, rng).T


def prior_predictive(spec: ModelSpec, table: pd.DataFrame, N0: float, D0: float, *, draws: int, seed: int,
                     bytes_per_token: float = BYTES_PER_TOKEN) -> tuple[Parameters, Array]:
    """Draws from the prior and the losses they give at the design of `table`, shape (S, R). The table's losses are unread."""
    rows = observations(table.assign(loss=1.0), spec)
    sampled = draw_prior(spec, draws, seed=seed, bytes_per_token=bytes_per_token)
    rng = np.random.default_rng([seed, 1])
    effects = sampled.tau * rng.standard_normal((len(rows.groups), draws))
    losses = simulate(sampled, sampled.surface(N0, D0), rows.N[:, None], rows.D[:, None], rows.C[:, None],
                      effects[rows.group], N0, D0, rng).T
    return sampled, losses
