"""The posterior of any form of the law, quickly: adaptive importance sampling without a compiled model.

The fast fit of `fast/` integrates two terms and the group effects out and knows Hoffmann's form alone. Here every
parameter but the group effects is a coordinate, which any form allows: Laplace's approximation at the
highest of several modes, then the mixture that follows its draws (`fast.adapt`). It is for comparing forms, not for the headline.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import optimize, special

from study.inference.fast.adapt import Adaptation, adapt, settle
from study.inference.fast.kernels import HALF_LN_2PI, Index
from study.inference.fast.likelihood import draw_effects_of, marginals
from study.inference.fast.mixture import KERNELS, Mixture
from study.inference.observations import Observations, observations, reference
from study.inference.parameters import Array, Parameters, Surface, parameters
from study.inference.posterior import ImportanceDiagnostics, UnconvergedError
from study.inference.priors import Priors, priors
from study.inference.spec import BYTES_PER_TOKEN, ModelSpec
from study.laws.law import PURE_EXPONENT

FORMS = ("hoffmann", "kaplan", "nesting", "no floor")  # the last: Hoffmann's with E = 0
RULE = Adaptation(round=1500, least=3, most=25, enough=0.25, slack=4.0)
NO_FLOOR = 1e-12  # E of the form without a floor, nats
CHUNK = 2_000_000  # cells of an array of draws x rows
ATTEMPTS = 3
ITERATIONS = 150


@dataclass(frozen=True)
class FormFit:
    """Equally weighted draws of one form, (S,)."""

    form: str
    draws: Surface
    parameters: Parameters
    elpd: float  # PSIS-LOO, of ln L, summed over the rows
    diagnostics: ImportanceDiagnostics


@dataclass(frozen=True)
class _Problem:
    form: str
    n: Array
    d: Array
    c: Array
    y: Array
    prior: Priors
    names: tuple[str, ...]
    first: Index  # of the rows, sorted by group: as the kernels read them

    def values(self, x: Array) -> dict[str, Array]:
        out = {name: x[:, k] if name in ("g", "tau") else np.exp(np.clip(x[:, k], -700, 300)) for k, name in enumerate(self.names)}
        if "tau" in out:  # the coordinate is sqrt(tau / tau0), as in `fast.target`
            out["tau"] = self.prior.tau * np.maximum(out["tau"], 0.0) ** 2
        if self.form == "kaplan":
            out["kappa"] = out["beta"]
        return out

    def log_prior(self, x: Array) -> Array:
        p, total = self.prior, np.zeros(len(x))
        scales = {"E": p.E, "tA": p.t, "tB": p.t, "alpha": p.exponent, "beta": p.exponent, "kappa": p.kappa, "s": p.s,
                  "g": (0.0, p.g)}
        for k, name in enumerate(self.names):
            if name == "nu":  # Gamma(shape, rate) in ln nu
                total += p.nu[0] * (x[:, k] + np.log(p.nu[1])) - p.nu[1] * np.exp(x[:, k]) - special.gammaln(p.nu[0])
            elif name == "tau":
                with np.errstate(divide="ignore", invalid="ignore"):
                    total += np.where(x[:, k] > 0, np.log(4.0) + np.log(x[:, k]) - 0.5 * x[:, k]**4 - HALF_LN_2PI, -1e6)
            else:
                mean, sd = scales[name]
                total += -0.5 * ((x[:, k] - mean) / sd) ** 2 - np.log(sd) - HALF_LN_2PI
        return total

    def residuals(self, x: Array) -> tuple[Array, Array]:
        """ln L - ln Lhat and ln s, each (M, R)."""
        v = {name: value[:, None] for name, value in self.values(x).items()}
        kappa = v.get("kappa", np.ones((len(x), 1)))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            a, b = np.log(v["tA"]) - v["alpha"] * self.n, np.log(v["tB"]) - v["beta"] * self.d
            terms = np.exp(a) + np.exp(b) if self.form in ("hoffmann", "no floor") else \
                np.exp(np.minimum(kappa * np.logaddexp(a / kappa, b / kappa), 300.0))
            residual = self.y - np.log(v.get("E", 0.0) + terms)
        return np.nan_to_num(np.clip(residual, -1e3, 1e3), nan=1e3), np.clip(np.log(v["s"]) + v["g"] * self.c, -30.0, 30.0)

    def pointwise(self, x: Array, rng: np.random.Generator) -> Array:
        """Log density of each ln L given a draw of the group effects, (M, R)."""
        v, (residual, ln_s) = self.values(x), self.residuals(x)
        nu = v["nu"][:, None]
        if "tau" in v:
            u = draw_effects_of(residual, ln_s, 1 / v["nu"], v["tau"], rng.random((len(x), len(self.first) - 1)), self.first)
            residual = residual - np.repeat(u, np.diff(self.first), axis=1)
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
        return np.asarray(constant - (nu + 1) / 2 * np.log1p(np.exp(2 * (np.log(np.abs(residual) + 1e-300) - ln_s)) / nu) - ln_s)

    def log_posterior(self, x: Array) -> Array:
        size = max(1, CHUNK // len(self.y))
        parts = []
        for i in range(0, len(x), size):
            v, (residual, ln_s) = self.values(x[i:i + size]), self.residuals(x[i:i + size])
            inverse_nu = np.clip(1 / v["nu"], 1e-8, 1e4)
            parts.append(marginals(residual, ln_s, inverse_nu, np.asarray(v.get("tau", np.zeros(len(inverse_nu)))), self.first))
        value = np.concatenate(parts) + self.log_prior(x)
        return np.where(np.isfinite(value), value, -1e9)


def fit_form(table: pd.DataFrame, form: str, *, seed: int, draws: int = 4000, N0: float | None = None, D0: float | None = None,
             bytes_per_token: float = BYTES_PER_TOKEN, prior: Priors | None = None, group: str | None = None) -> FormFit:
    """The posterior of one of `FORMS` under Student-t noise with g free (the priors of `priors.py`), with `group` effects or none.

    Raises:
        UnconvergedError: k-hat > 0.7. BadValueError: a value is not a positive number.
    """
    spec = ModelSpec(group=group, law="hoffmann" if form == "no floor" else form)
    rows = observations(table, spec)
    N0, D0 = reference(rows, N0, D0)
    problem = _problem(rows, form, N0, D0, prior or priors(spec, bytes_per_token), group is not None)
    rng = np.random.default_rng(seed)

    def evaluate(mixture: Mixture, count: int) -> tuple[Array, Array, Array]:
        x, _ = mixture.draw(count, rng)
        return x, np.zeros((count, 2)), problem.log_posterior(x) - mixture.log_density(x)

    mixture = adapt(evaluate, _laplace(problem, rng), RULE, rng)
    found = settle(evaluate, mixture, [2 * draws, *(8 * draws,) * (ATTEMPTS - 1)], draws / 4, rng)
    if not found.diagnostics.converged:
        raise UnconvergedError(f"importance draws of the form {form} are not reliable (k-hat {found.diagnostics.khat:.2f})")
    kept = found.x[found.equal(draws, rng)]
    values = problem.values(kept)
    if form == "no floor":
        values["E"] = np.full(draws, NO_FLOOR)
    p = parameters(values)
    return FormFit(form, p.surface(N0, D0), p, _elpd(problem.pointwise(kept[:1000], rng)), found.diagnostics)


def _problem(rows: Observations, form: str, N0: float, D0: float, prior: Priors, grouped: bool) -> _Problem:
    names = [*([] if form in ("kaplan", "no floor") else ["E"]), "tA", "tB", "alpha", "beta",
             *(["kappa"] if form == "nesting" else []), "s", "g", "nu", *(["tau"] if grouped else [])]
    if form == "no floor":  # exponents as in Kaplan's form; terms about E's median, wider: the two add to the whole loss
        prior = replace(prior, t=(prior.E[0], 1.0), exponent=(PURE_EXPONENT.mu, PURE_EXPONENT.sigma))
    order = np.argsort(rows.group, kind="stable")
    first = np.searchsorted(rows.group[order], np.arange(len(rows.groups) + 1)) if grouped else np.array([0, len(rows)])
    return _Problem(form, np.log(rows.N / N0)[order], np.log(rows.D / D0)[order], np.log10(rows.C / (6 * N0 * D0))[order],
                    np.log(rows.loss)[order], prior, tuple(names), first.astype(np.int64))


def _laplace(problem: _Problem, rng: np.random.Generator) -> Mixture:
    p, k = problem.prior, len(problem.names)
    base = {"E": p.E[0], "tA": p.t[0], "tB": p.t[0], "alpha": p.exponent[0], "beta": p.exponent[0], "kappa": 0.0, "s": p.s[0],
            "g": 0.0, "nu": np.log(8.0), "tau": 0.7}
    start = np.array([base[name] for name in problem.names])
    best, least = start, np.inf
    with np.errstate(all="ignore"):
        for shift in ((0.0, 0.0), (0.4, -0.4), (-0.4, 0.4)):
            begin = start.copy()
            for name, by in zip(("alpha", "beta"), shift, strict=True):
                begin[problem.names.index(name)] += by
            found = optimize.minimize(_value_and_slope, begin, args=(problem,), jac=True, method="BFGS",
                                      options={"maxiter": ITERATIONS})
            if found.fun < least:
                best, least = found.x, float(found.fun)
    factor = _factor(problem, best)
    centres = best + rng.standard_normal((KERNELS, k)) @ factor.T
    return Mixture(centres, (0.7 * factor, 1.5 * factor), np.zeros((KERNELS, 2)))


def _value_and_slope(x: Array, problem: _Problem) -> tuple[float, Array]:
    """-ln posterior and its gradient by central differences, all in one call."""
    steps = 1e-5 * np.eye(len(x))
    value = -problem.log_posterior(np.concatenate([x[None], x + steps, x - steps]))
    return float(value[0]), (value[1:len(x) + 1] - value[len(x) + 1:]) / 2e-5


def _factor(problem: _Problem, mode: Array) -> Array:
    """Cholesky factor of the inverse curvature at the mode, by central differences; a direction is no wider than the prior's."""
    k, step = len(mode), 1e-3
    steps = step * np.eye(k)
    points = np.array([mode + i * a + j * b for a in steps for b in steps for i, j in ((1, 1), (1, -1), (-1, 1), (-1, -1))])
    value = problem.log_posterior(points).reshape(k, k, 4)
    curvature = -(value[..., 0] - value[..., 1] - value[..., 2] + value[..., 3]) / (4 * step**2)
    eigenvalues, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return np.asarray(np.linalg.cholesky((vectors / np.maximum(eigenvalues, 1.0)) @ vectors.T + 1e-12 * np.eye(k)))


def _elpd(pointwise: Array) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # k-hat of single rows: an outlier's elpd is rough, and is low in any form
        import arviz as az
        smooth, _ = az.psislw(-pointwise.T)
    return float(special.logsumexp(np.asarray(smooth) + pointwise.T, axis=1).sum())
