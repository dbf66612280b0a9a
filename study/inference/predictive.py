"""Losses a model expects: simulated from prior or posterior draws."""

import numpy as np
import pandas as pd

from study.inference.likelihood import noise_scale
from study.inference.observations import observations
from study.inference.parameters import Array, Parameters, Surface
from study.inference.posterior import Posterior
from study.inference.priors import draw_prior
from study.inference.spec import BYTES_PER_TOKEN, ModelSpec


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
    return np.asarray(np.exp(np.clip(mean + noise(draws, scale, rng), -700.0, 700.0)))  # nu near 0 draws noise beyond any float


def predict_losses(posterior: Posterior, table: pd.DataFrame, *, seed: int) -> Array:
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
