"""The optimum that counts inference: the size and tokens that reach a loss for the least training plus inference FLOPs.

Source: Sardana et al. 2024 (arXiv 2401.00448), eq. 3. For a loss l and T tokens of inference,

    minimise 6 N D + 2 N T  subject to  E + A/N^alpha + B/D^beta = l

l is the loss of the compute-optimal model of the training compute asked for, draw by draw. T = 0 gives that model back.
"""

from dataclasses import dataclass

import numpy as np

from study.inference.parameters import Array, Surface
from study.laws.hoffmann import LossSurface

STEPS = 80  # of the bisection in ln N: 2^-80 of a bracket of some decades
WIDEST = 46.0  # in ln N below the compute-optimal size


@dataclass(frozen=True)
class Serving:
    """Draws, arrays (S,)."""

    inference_tokens: float
    loss: Array  # nats a token: that of the compute-optimal model
    N: Array
    D: Array
    C: Array  # FLOP of training and inference together
    C_chinchilla: Array  # the same for the compute-optimal model


@dataclass(frozen=True)
class Overtraining:
    """A model at a given ratio of tokens to parameters against the optimum of the same compute, arrays (S,)."""

    ratio: float  # tokens a parameter
    N: Array
    D: Array
    loss_above: Array  # nats a token
    compute: Array  # compute over that of the compute-optimal model of the same loss


def serving(law: LossSurface, C: float, inference_tokens: float) -> Serving:
    """The least training plus inference FLOPs for the loss of the compute-optimal model of C (6 N D), per draw.

    With d(N) = (B / (l - E - A N^-alpha))^(1/beta) the total is 6 N d(N) + 2 N T, whose derivative in ln N,

        6 N d (1 - (alpha A N^-alpha) / (beta B d^-beta)) + 2 N T,

    is positive at the compute-optimal size and rises through zero once below it: found by bisection.

    Raises:
        ValueError: C is not positive, or inference_tokens is negative.
    """
    if not (C > 0 and inference_tokens >= 0):
        raise ValueError("C must be positive and inference_tokens not negative")
    N0, D0 = law.N_opt(C), law.D_opt(C)
    terms = law.A * N0**-law.alpha + law.B * D0**-law.beta  # l - E
    smallest = np.log(law.A / terms) / law.alpha  # below it no number of tokens reaches the loss
    low, high = np.maximum(smallest, np.log(N0) - WIDEST), np.log(N0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        left = terms - law.A * np.exp(-law.alpha * middle)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            D = (law.B / left) ** (1 / law.beta)
            slope = 6 * D * (1 - law.alpha * law.A * np.exp(-law.alpha * middle) / (law.beta * left)) + 2 * inference_tokens
        falls = ~(slope > 0)
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    N = np.exp(high)
    D = (law.B / (terms - law.A * N**-law.alpha)) ** (1 / law.beta)
    return Serving(inference_tokens, np.asarray(law.E + terms), N, D, 6 * N * D + 2 * N * inference_tokens,
                   6 * N0 * D0 + 2 * N0 * inference_tokens)


def overtraining(law: LossSurface, C: float, ratio: float) -> Overtraining:
    """A model of D = `ratio` N at compute C = 6 N D, and what the ratio costs against the optimum, per draw.

    Raises:
        ValueError: C or ratio is not positive.
    """
    if not (C > 0 and ratio > 0):
        raise ValueError("C and ratio must be positive")
    N = np.full_like(np.asarray(law.E, dtype=float), np.sqrt(C / (6 * ratio)))
    D = ratio * N
    loss = law.loss(N, D)
    return Overtraining(ratio, N, D, loss - law.loss(law.N_opt(C), law.D_opt(C)), compute_ratio(law, C, loss))


def compute_ratio(law: Surface, C: float, loss: Array) -> Array:
    """C over the compute at which the optimum has `loss`, per draw: what a model of C that ends there spends too much.

    Along the frontier l - E = K (C/6)^-gamma with gamma = alpha beta / (alpha + beta), so that compute follows from the loss.
    """
    gamma = law.alpha * law.beta / (law.alpha + law.beta)
    best = law.loss(law.N_opt(C), law.D_opt(C)) - law.E
    return np.asarray(((loss - law.E) / best) ** (1 / gamma))
