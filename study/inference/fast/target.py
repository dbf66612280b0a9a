"""The target of the fast fit: a table of runs and a model, in the coordinates its proposal lives in.

Coordinates x, shape (M, K): ln alpha, ln beta, ln s, ln E and, where the model has them, g, ln nu and y = sqrt(tau / tau0)
(tau0 is the prior's scale: the half-normal is then linear at y = 0 and needs no long tail). Given x, the two terms at the
reference psi = (ln tA, ln tB) have a Gaussian prior and a likelihood that is close to Gaussian, so they are integrated out;
E is not: with few runs it and the two terms lie on a curved ridge that no Gaussian follows.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from study.inference.fast.kernels import HALF_LN_2PI, Index, conditional_modes
from study.inference.fast.likelihood import draw_effects, log_likelihood
from study.inference.fast.parts import in_parts
from study.inference.observations import Observations
from study.inference.parameters import Array, Parameters, parameters
from study.inference.priors import Priors, priors
from study.inference.spec import ModelSpec, SpecError

PINNED = 1e-6  # s.d. of ln E where E is given: the kernels always see three log terms
E_COLUMN = 3


@dataclass(frozen=True)
class Target:
    """What the kernels read (rows sorted by group) and which coordinates are free."""

    n: Array  # ln(N / N0)
    d: Array  # ln(D / D0)
    y: Array  # ln L
    c: Array  # log10(C / (6 N0 D0))
    first: Index  # (groups + 1,) first row of each group
    prior: Priors
    free: tuple[str, ...]  # names of the coordinates

    def thinned(self, every: int) -> "Target":
        """The target of every k-th row."""
        keep = np.arange(0, len(self.y), every)
        n, d, y, c = (column[keep] for column in (self.n, self.d, self.y, self.c))
        return replace(self, n=n, d=d, y=y, c=c, first=np.searchsorted(keep, self.first).astype(self.first.dtype))

    def phi(self, x: Array) -> Array:
        """(M, 6) alpha, beta, s, g, 1 / nu, tau, as the kernels read them."""
        phi = np.zeros((len(x), 6))
        phi[:, :3] = np.exp(x[:, :3])
        for k, name in enumerate(self.free):
            if name == "g":
                phi[:, 3] = x[:, k]
            elif name == "nu":
                phi[:, 4] = np.exp(-x[:, k])
            elif name == "tau":
                phi[:, 5] = self.prior.tau * x[:, k] ** 2
        return phi

    def log_prior(self, x: Array) -> Array:
        """Log prior density of x, shape (M,); -inf for y < 0."""
        p, total = self.prior, np.zeros(len(x))
        for k, name in enumerate(self.free):
            v = x[:, k]
            if name == "nu":  # Gamma(k, r) in ln nu
                shape, rate = p.nu
                total += shape * (v + math.log(rate)) - rate * np.exp(v) - float(special.gammaln(shape))
            elif name == "tau":  # HalfNormal(tau0): 2 phi(tau / tau0) / tau0, d tau = 2 tau0 y dy
                with np.errstate(divide="ignore", invalid="ignore"):
                    total += np.where(v > 0, math.log(4.0) + np.log(v) - 0.5 * v**4 - HALF_LN_2PI, -np.inf)
            else:
                total += log_normal(v, self.gaussian_prior(name))
        return total

    def gaussian_prior(self, name: str) -> tuple[float, float]:
        """Mean and s.d. of a coordinate with a Gaussian prior."""
        p = self.prior
        return {"alpha": p.exponent, "beta": p.exponent, "s": p.s, "E": p.E, "g": (0.0, p.g)}[name]

    def modes(self, x: Array, start: Array) -> tuple[Array, Array, Array]:
        """Conditional modes of psi (M, 2), their precisions (M, 2, 2) and Laplace's log marginal posterior of x (M,)."""
        mean = np.column_stack([x[:, E_COLUMN], np.full((len(x), 2), self.prior.t[0])])
        sd = np.array([PINNED, self.prior.t[1], self.prior.t[1]])
        begin = np.column_stack([x[:, E_COLUMN], start])

        def modes(phi: Array, begin: Array, mean: Array) -> tuple[Array, Array, Array]:
            return conditional_modes(phi, begin, False, self.n, self.d, self.y, self.c, self.first, mean, sd)

        psi, precision, value = in_parts(modes, len(self.y), self.phi(x), begin, mean)
        return psi[:, 1:], precision[:, 1:, 1:], _finite(value + self.log_prior(x))

    def modes_with_E(self, x: Array) -> tuple[Array, Array, Array]:
        """The same with E integrated out too (its column in x is not read): modes of (ln E, ln tA, ln tB) (M, 3), ..."""
        (mu_E, sd_E), (mu, sd) = self.prior.E, self.prior.t
        mean = np.broadcast_to([mu_E, mu, mu], (len(x), 3)).copy()
        psi, precision, value = conditional_modes(self.phi(x), mean[:1], True, self.n, self.d, self.y, self.c, self.first,
                                                  mean, np.array([sd_E, sd, sd]))
        return psi, precision, _finite(value + self.log_prior(x) - log_normal(x[:, E_COLUMN], self.prior.E))

    def log_posterior(self, x: Array, psi: Array) -> Array:
        """Exact log joint density of (x, psi) and the data, group effects integrated out, shape (M,)."""
        losses = np.column_stack([x[:, E_COLUMN], psi])

        def of(phi: Array, losses: Array) -> tuple[Array]:
            return (log_likelihood(phi, losses, self.n, self.d, self.y, self.c, self.first),)

        likelihood, = in_parts(of, len(self.y), self.phi(x), losses)
        terms = log_normal(psi[:, 0], self.prior.t) + log_normal(psi[:, 1], self.prior.t)
        return _finite(likelihood + self.log_prior(x) + terms)

    def effects(self, x: Array, psi: Array, rng: np.random.Generator) -> Array:
        """One draw of the group effects for each draw of the rest, shape (M, groups)."""
        losses, shape = np.column_stack([x[:, E_COLUMN], psi]), (len(x), len(self.first) - 1)
        return draw_effects(self.phi(x), losses, rng.random(shape), self.n, self.d, self.y, self.c, self.first)

    def parameters(self, x: Array, psi: Array) -> Parameters:
        """The draws under their own names."""
        phi = self.phi(x)
        draws = {"E": np.exp(x[:, E_COLUMN]), "tA": np.exp(psi[:, 0]), "tB": np.exp(psi[:, 1]), "alpha": phi[:, 0],
                 "beta": phi[:, 1], "s": phi[:, 2]}
        if "g" in self.free:
            draws["g"] = phi[:, 3]
        if "nu" in self.free:
            draws["nu"] = 1.0 / phi[:, 4]
        if "tau" in self.free:
            draws["tau"] = phi[:, 5]
        return parameters(draws)


def supported(spec: ModelSpec) -> bool:
    """Whether the fast fit knows the model: Hoffmann's law with normal or Student-t noise."""
    return spec.law == "hoffmann" and spec.noise in ("normal", "student")


def target(rows: Observations, spec: ModelSpec, N0: float, D0: float, bytes_per_token: float) -> Target:
    """The target of a table of runs, under the priors of `spec`.

    Raises:
        SpecError: the fast fit does not know the model.
    """
    if not supported(spec):
        raise SpecError(f"the fast fit knows Hoffmann's law with normal or Student-t noise, not {spec.law} with {spec.noise}")
    order = np.argsort(rows.group, kind="stable")
    first = np.array([0, len(rows)])
    if spec.group is not None:
        first = np.searchsorted(rows.group[order], np.arange(len(rows.groups) + 1))
    free = ["alpha", "beta", "s", "E", *(["g"] if spec.scale_slope else []), *(["nu"] if spec.noise == "student" else []),
            *(["tau"] if spec.group is not None else [])]
    return Target(np.log(rows.N / N0)[order], np.log(rows.D / D0)[order], np.log(rows.loss)[order],
                  np.log10(rows.C / (6 * N0 * D0))[order], first.astype(np.int64), priors(spec, bytes_per_token),
                  tuple(free))


def log_normal(value: Array, mean_sd: tuple[float, float]) -> Array:
    """Log density of the normal."""
    mean, sd = mean_sd
    return np.asarray(-0.5 * ((value - mean) / sd) ** 2 - math.log(sd) - HALF_LN_2PI)


def _finite(log_density: Array) -> Array:
    # a density that overflowed on the way is of a point that fits nothing
    return np.where(np.isfinite(log_density), log_density, -np.inf)
