"""The coordinates in which studies are compared: what a law says at one reference compute.

    x = (ln alpha, ln beta, ln R, ln e, ln T)

R = D_opt / N_opt, tokens a parameter, at C = `REFERENCE` (6 N D, FLOP); e = E and T = L_opt(C) - E, the two parts of the loss
at that optimum, in nats a byte. They determine (alpha, beta, A, B, E): at the optimum alpha A / N^alpha = beta B / D^beta, so
with c = C / 6

    ln N = (ln c - ln R) / 2,              ln D = (ln c + ln R) / 2,
    A = T N^alpha beta / (alpha + beta),   B = T D^beta alpha / (alpha + beta)

E, A, B of different corpora, vocabularies and counts of N are not comparable; these five are, but for the factor of a loss in
unknown units, which shifts ln e and ln T together (`SCALE`).
"""

import math

import numpy as np

from study.inference.parameters import Array, Parameters

NAMES = ("alpha", "beta", "R", "e", "T")
SIZE = len(NAMES)
REFERENCE = 1e20  # FLOP: about the middle of the tables' ranges
SCALE = np.array([0.0, 0.0, 0.0, 1.0, 1.0])  # the direction in which an unknown unit of the loss moves x
WITHOUT_SCALE = np.array([[1.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0], [0, 0, 1.0, 0, 0], [0, 0, 0, -1.0, 1.0]])  # what it leaves


def to_coordinates(draws: Parameters, N0: float, D0: float, bytes_per_token: float, C: float = REFERENCE) -> Array:
    """x of each draw, shape (S, 5)."""
    alpha, beta = draws.alpha, draws.beta
    ln_A, ln_B = np.log(draws.tA) + alpha * math.log(N0), np.log(draws.tB) + beta * math.log(D0)
    total, ln_c = alpha + beta, math.log(C / 6.0)
    ln_N = (np.log(alpha) + ln_A - np.log(beta) - ln_B) / total + beta / total * ln_c
    ln_D = ln_c - ln_N
    ln_T = np.logaddexp(ln_A - alpha * ln_N, ln_B - beta * ln_D)
    unit = math.log(bytes_per_token)
    return np.column_stack([np.log(alpha), np.log(beta), ln_D - ln_N, np.log(draws.E) - unit, ln_T - unit])


def from_coordinates(x: Array, N0: float, D0: float, bytes_per_token: float) -> dict[str, Array]:
    """alpha, beta, E, tA, tB (nats a token, at the reference N0, D0) of each row of x, shape (S, 5)."""
    alpha, beta, ln_c, unit = np.exp(x[:, 0]), np.exp(x[:, 1]), math.log(REFERENCE / 6.0), math.log(bytes_per_token)
    ln_N, ln_D = (ln_c - x[:, 2]) / 2, (ln_c + x[:, 2]) / 2
    ln_T, total = x[:, 4] + unit, np.log(alpha + beta)
    return {"alpha": alpha, "beta": beta, "E": np.exp(x[:, 3] + unit),
            "tA": np.exp(ln_T + x[:, 1] - total + alpha * (ln_N - math.log(N0))),
            "tB": np.exp(ln_T + x[:, 0] - total + beta * (ln_D - math.log(D0)))}


def log_jacobian(alpha: Array, beta: Array) -> Array:
    """ln |d x / d (ln alpha, ln beta, ln E, ln tA, ln tB)| = ln 2 / (alpha + beta), shape (S,)."""
    return np.asarray(math.log(2.0) - np.log(alpha + beta))
