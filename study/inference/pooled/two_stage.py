"""The population in two stages: each study's likelihood as a mixture of normals, then NUTS over the population.

Stage one fits every study alone under a wide prior (`summary`). Stage two samples M and the covariances with every study and
every laboratory's effect integrated out (`density`), so that no chain has to crawl where a spread or a study's own error is
small; the effects, then the studies, are drawn afterwards. `Pooled.gaps` compares each summary with the draws it was made from,
where enough of them carry weight (`Pooled.effective`).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from study.inference.parameters import Array, evenly
from study.inference.pooled.coordinates import NAMES, SCALE, SIZE
from study.inference.pooled.density import effects, log_density
from study.inference.pooled.layout import Layout
from study.inference.pooled.population import COVARIATES, Population
from study.inference.pooled.summary import COMPONENTS, FIRST, UNIT, FirstStage, Summary, likelihood, log_normals
from study.inference.posterior import ESS, RHAT, Diagnostics

MODEL = "LKJ, studies and laboratories integrated out"  # of a record: one of another model is not gone on with
CHAINS = 4
CHOICES = 1024  # of components of a laboratory's studies: with more, each study is a mixture of fewer normals
ACCEPT = 0.9
ENOUGH = 30.0  # draws of a study that carry weight, below which their average says nothing
CHECKED = 60  # draws of the population that the summaries are compared at


@dataclass(frozen=True)
class StudyDraws:
    """A study alone: draws of its posterior under `p0`."""

    name: str
    laboratory: str
    c: Array  # covariates, (6,)
    x: Array  # (S, 5)
    relative: bool = False  # the unit of its loss is unknown
    p0: FirstStage = FIRST

    @cached_property
    def _summaries(self) -> dict[int, Summary]:
        return {}

    def summary(self, components: int) -> Summary:
        """The likelihood that the draws stand for, as a mixture of so many normals; made once."""
        if components not in self._summaries:
            self._summaries[components] = likelihood(self.x, self.p0, relative=self.relative, components=components)
        return self._summaries[components]


@dataclass(frozen=True)
class Pooled:
    """The population and the studies given all of them."""

    population: Population
    x: Array  # (S, K, 5): each study, given the others
    names: tuple[str, ...]
    gaps: Array  # (K,) s.d. of ln(average over a study's draws / its summary), over populations that leave `ENOUGH` draws
    effective: Array  # (K,) median number of a study's own draws that carry weight in that average
    diagnostics: Diagnostics


def pool(studies: Sequence[StudyDraws], *, seed: int, draws: int = 1000, tune: int = 1000, chains: int = CHAINS,
         tails: float = np.inf, accept: float = ACCEPT) -> Pooled:
    """Draws of the population given the studies.

    Args:
        draws, tune: of each chain.
        tails: degrees of freedom of the laboratories' effects; infinite for the normal.
        accept: the acceptance that NUTS aims at.
    """
    labs = sorted({study.laboratory for study in studies})
    most = max(sum(study.laboratory == lab for study in studies) for lab in labs)
    summaries = [study.summary(min(COMPONENTS, int(CHOICES ** (1 / most) + 1e-9))) for study in studies]
    member = np.array([labs.index(study.laboratory) for study in studies])
    order = np.argsort(member, kind="stable")
    first = np.searchsorted(member[order], np.arange(len(labs) + 1))
    rows = [np.stack(part) for part in zip(*((summaries[k].log_weight, summaries[k].mean, summaries[k].cov, studies[k].c)
                                             for k in order), strict=True)]
    heavy = tails < np.inf
    layout = Layout(len(labs) if heavy else 0)
    theta, divergences = _sample(layout, (*rows, first, heavy, tails if heavy else 1.0), seed=seed, draws=draws, tune=tune,
                                 chains=chains, accept=accept)
    parts = layout.split(theta)
    M, lab, within = parts["M"], parts["lab"], parts["within"]
    wide = np.exp(-parts["ln_w"]) if heavy else np.ones((len(theta), len(labs)))
    population = Population(M, lab @ lab.transpose(0, 2, 1), within @ within.transpose(0, 2, 1), tails)
    rng = np.random.default_rng([seed, 1])
    x, seen = np.empty((len(theta), len(studies), SIZE)), np.empty((len(studies), 2))
    for index in range(len(labs)):
        own = order[first[index]:first[index + 1]]
        log_weight, mean, cov, c = (part[first[index]:first[index + 1]] for part in rows)
        v = effects(M, lab, within, wide[:, index], log_weight, mean, cov, c, rng.random(len(theta)),
                    rng.standard_normal((len(theta), SIZE)))
        for k in own:
            expected = studies[k].c @ M
            x[:, k] = _conditional(summaries[k], expected + v, population.within, rng)
            given = ((expected + v, population.within) if len(own) > 1 else
                     (expected, population.within + wide[:, index, None, None] * population.lab))
            seen[k] = _check(studies[k], summaries[k], *given)
    return Pooled(population, x, tuple(study.name for study in studies), seen[:, 0], seen[:, 1],
                  population_diagnostics(population, chains, divergences))


def _sample(layout: Layout, data: tuple[Any, ...], *, seed: int, draws: int, tune: int, chains: int,
            accept: float) -> tuple[Array, int]:
    # draws of theta (chains x draws, size), and the divergences
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nutpie and arviz announce their next versions
        from nutpie import sample
        from nutpie.compiled_pyfunc import from_pyfunc

        def logp(theta: Array) -> tuple[float, Array]:
            gradient = np.empty(layout.size)
            given: list[Any] = [theta, *data, gradient]
            value = log_density(*given)
            return (value, gradient) if np.isfinite(value) and np.isfinite(gradient).all() else (-np.inf, np.zeros(layout.size))

        def start(seed: int) -> Array:
            return np.asarray(0.3 * np.random.default_rng(seed).standard_normal(layout.size))

        compiled = from_pyfunc(layout.size, lambda: logp, lambda *_: lambda theta: {"theta": theta}, [np.dtype("float64")],
                               [(layout.size,)], ["theta"], make_initial_point_fn=start)
        trace = sample(compiled, draws=draws, tune=tune, chains=chains, cores=2, seed=seed, save_warmup=False,
                       target_accept=accept, progress_bar=False)
    theta = trace.posterior["theta"].to_numpy()
    return theta.reshape(-1, layout.size), int(trace.sample_stats["diverging"].sum())


def _marginal(summary: Summary, mean: Array, cov: Array) -> tuple[Array, Array, Array]:
    # of each component: ln(weight Normal(mean_j; mean, cov_j + cov)), (S, J), but for a constant; that covariance; its inverse
    # times the residual
    total, away = summary.cov + cov[:, None], summary.mean - mean[:, None]
    solved = np.asarray(np.linalg.solve(total, away[..., None])[..., 0])
    density = np.asarray(summary.log_weight - 0.5 * (away * solved).sum(axis=-1) - 0.5 * np.linalg.slogdet(total)[1])
    return density, total, solved


def _conditional(summary: Summary, mean: Array, cov: Array, rng: np.random.Generator) -> Array:
    # a draw (S, 5) of x given its summary and each population: a component, then its normal by Matheron's rule
    log_weight, total, solved = _marginal(summary, mean, cov)
    weight = np.exp(log_weight - special.logsumexp(log_weight, axis=1, keepdims=True))
    j = np.minimum((weight.cumsum(axis=1) < rng.random((len(mean), 1))).sum(axis=1), len(summary.mean) - 1)
    at = np.arange(len(mean))
    prior = np.einsum("sij,sj->si", np.linalg.cholesky(cov), rng.standard_normal(mean.shape))
    seen = prior + np.einsum("sij,sj->si", np.linalg.cholesky(summary.cov)[j], rng.standard_normal(mean.shape))
    gain = solved[at, j] - np.linalg.solve(total[at, j], seen[..., None])[..., 0]
    return np.asarray(mean + prior + np.einsum("sij,sj->si", cov, gain))


def _check(study: StudyDraws, summary: Summary, mean: Array, cov: Array) -> tuple[float, float]:
    # see Pooled.gaps and Pooled.effective
    keep = evenly(len(mean), CHECKED)
    mean, cov = mean[keep], cov[keep]
    unit = UNIT**2 * np.outer(SCALE, SCALE) if study.relative else 0.0
    exact = log_normals(study.x, mean, cov + unit) - study.p0.population.log_density(study.x, study.c)[:, None]
    total = special.logsumexp(exact, axis=0)
    gap = total - special.logsumexp(_marginal(summary, mean, cov)[0], axis=1)
    effective = 1 / np.exp(2 * (exact - total)).sum(axis=0)
    enough = effective > ENOUGH
    return float(gap[enough].std()) if enough.any() else np.inf, float(np.median(effective))


def past_gate(rhat: float, effective: float) -> bool:
    """R-hat < 1.01 and more than 400 effective draws, as for every fit."""
    return rhat < RHAT and effective > ESS


def summary_draws(population: Population) -> dict[str, Array]:
    """The population's parameters under their names, each (S,): means, covariates' effects, s.d. between and within."""
    out = {}
    for j, name in enumerate(NAMES):
        out[f"mean {name}"] = population.mean[:, 0, j]
        out |= {f"{covariate} on {name}": population.mean[:, q + 1, j] for q, covariate in enumerate(COVARIATES)}
        out[f"sd of {name} between"] = np.sqrt(population.lab[:, j, j])
        out[f"sd of {name} within"] = np.sqrt(population.within[:, j, j])
    return out


def population_diagnostics(population: Population, chains: int, divergences: int = 0) -> Diagnostics:
    """R-hat and effective draws: the worst over the population's parameters (chains joined in order)."""
    import arviz as az

    columns = np.column_stack([np.log(values) if name.startswith("sd") else values
                               for name, values in summary_draws(population).items()])
    data = az.convert_to_dataset({"x": columns.reshape(chains, -1, columns.shape[1])})
    rhat, bulk, tail = az.rhat(data)["x"], az.ess(data, method="bulk")["x"], az.ess(data, method="tail")["x"]
    return Diagnostics(float(rhat.max()), float(bulk.min()), float(tail.min()), divergences)
