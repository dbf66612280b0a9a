"""The priors: their constants, draws and density, in numpy. PyMC's model is built from the same constants.

    E             LogNormal(ln(0.40 nats/byte x bytes a token), 0.4)
    tA, tB        LogNormal(0, 1)                  nats, the two terms at the reference (N0, D0)
    alpha, beta   LogNormal(ln 0.35, 0.4)
    s             LogNormal(ln 0.01, 1)            the same for s_seed when seeds are modelled apart
    g             Normal(0, 0.5)
    nu            Gamma(2, rate 0.1)
    tau           HalfNormal(0.01)
    kappa         LogNormal(0, 1)                  the nesting law only

Kaplan's form has no E: its tA and tB are whole losses and its exponents are small, so they have priors of their own.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from study.inference.parameters import NEUTRAL, Array, Parameters, parameters
from study.inference.spec import ModelSpec
from study.laws.law import BYTES_PER_TOKEN, EXPONENT, PURE_EXPONENT, TERM, prior_of_entropy, prior_of_whole_loss

NOISE = (math.log(0.01), 1.0)  # mean and s.d. of ln s
NU = (2.0, 0.1)  # shape and rate
TAU = 0.01  # s.d. of the half-normal


@dataclass(frozen=True)
class Priors:
    """Location and scale of each prior; (mu, sigma) of the logarithm for the log-normal ones."""

    E: tuple[float, float]
    t: tuple[float, float]  # tA and tB
    exponent: tuple[float, float]  # alpha and beta
    s: tuple[float, float]  # s and s_seed
    g: float  # sd, about 0
    nu: tuple[float, float]  # shape, rate
    tau: float  # sd of the half-normal
    kappa: tuple[float, float]


def priors(spec: ModelSpec, bytes_per_token: float = BYTES_PER_TOKEN) -> Priors:
    """The priors of a model for tokens of so many bytes. `spec.prior_scale` multiplies every scale but nu's."""
    k = spec.prior_scale
    entropy = prior_of_entropy(bytes_per_token)
    term, exponent = (prior_of_whole_loss(bytes_per_token), PURE_EXPONENT) if spec.law == "kaplan" else (TERM, EXPONENT)
    return Priors(
        E=(entropy.mu, entropy.sigma * k),
        t=(term.mu, term.sigma * k), exponent=(exponent.mu, exponent.sigma * k),
        s=(NOISE[0], NOISE[1] * k), g=0.5 * k, nu=NU, tau=TAU * k, kappa=(0.0, 1.0 * k))


def free_parameters(spec: ModelSpec) -> tuple[str, ...]:
    """Names of the parameters a model leaves free, in the order of `Parameters`."""
    free = {"tA", "tB", "alpha", "beta", "s"}
    free |= {"E"} if spec.law != "kaplan" else set()
    free |= {"g"} if spec.scale_slope else set()
    free |= {"nu"} if spec.noise != "normal" else set()
    free |= {"tau"} if spec.group is not None else set()
    free |= {"kappa"} if spec.law == "nesting" else set()
    free |= {"s_seed"} if spec.noise == "seed" else set()
    return tuple(name for name in Parameters.__dataclass_fields__ if name in free)


def distributions(spec: ModelSpec, bytes_per_token: float = BYTES_PER_TOKEN) -> "dict[str, stats.rv_frozen]":
    """The prior of each free parameter on its natural scale, as a frozen scipy distribution."""
    p = priors(spec, bytes_per_token)

    def lognormal(mu_sigma: tuple[float, float]) -> "stats.rv_frozen":
        return stats.lognorm(mu_sigma[1], scale=math.exp(mu_sigma[0]))

    known = {"E": lognormal(p.E), "tA": lognormal(p.t), "tB": lognormal(p.t), "alpha": lognormal(p.exponent),
             "beta": lognormal(p.exponent), "s": lognormal(p.s), "s_seed": lognormal(p.s),
             "kappa": lognormal(p.kappa), "g": stats.norm(0.0, p.g),
             "nu": stats.gamma(p.nu[0], scale=1 / p.nu[1]), "tau": stats.halfnorm(scale=p.tau)}
    return {name: known[name] for name in free_parameters(spec)}


def draw_prior(spec: ModelSpec, draws: int, *, seed: int, bytes_per_token: float = BYTES_PER_TOKEN) -> Parameters:
    """Draws from the prior, for the prior predictive and for calibration. The design enters later, through (N0, D0)."""
    rng = np.random.default_rng(seed)
    sampled = {name: np.asarray(prior.rvs(draws, random_state=rng))
               for name, prior in distributions(spec, bytes_per_token).items()}
    return parameters(_tied(spec, sampled))


def log_prior(draws: Parameters, spec: ModelSpec, bytes_per_token: float = BYTES_PER_TOKEN) -> Array:
    """Log prior density per draw, shape (S,), with respect to the free parameters on their natural scale.

    Add ln x for each parameter x whose logarithm is the coordinate.
    """
    total = np.zeros(len(draws))
    for name, prior in distributions(spec, bytes_per_token).items():
        total = total + np.asarray(prior.logpdf(getattr(draws, name)))
    return total


def _tied(spec: ModelSpec, sampled: dict[str, Array]) -> dict[str, Array]:
    if spec.law != "kaplan":
        return sampled
    return {**sampled, "E": np.full_like(sampled["beta"], NEUTRAL["E"]), "kappa": sampled["beta"]}
