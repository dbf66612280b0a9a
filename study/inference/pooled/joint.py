"""The population and all rows of a few tables in one NUTS: what the two stages are checked against.

The model is that of `population`, with the likelihood of every row in place of each study's own draws: minutes for three
tables. Each x_k is sampled white in its first-stage posterior, since its own rows decide it. Nothing of the two stages is used
but that shape: the correlations are built from partial ones, as `population.draw_covariances` does.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.inference import bayes
from study.inference.compiling import compile_model
from study.inference.observations import observations
from study.inference.parameters import Array
from study.inference.pooled.coordinates import REFERENCE, SIZE
from study.inference.pooled.population import CENTRE, CENTRE_SD, COVARIATE_SD, ETA, FREEDOM, LAB_SD, WITHIN_SD, Population
from study.inference.pooled.two_stage import CHAINS, Pooled, StudyDraws, population_diagnostics
from study.inference.posterior import UnconvergedError
from study.inference.priors import priors
from study.inference.spec import ModelSpec

pm, pt = bayes.pm, bayes.pt  # configured there
DRAWS, TUNE = 1000, 1500  # a chain
TARGETS = (0.9, 0.99)  # acceptance: the second where the first leaves divergences


def fit_joint(studies: Sequence[StudyDraws], tables: Sequence[pd.DataFrame], units: Sequence[float], spec: ModelSpec, *,
              seed: int) -> Pooled:
    """The population given the rows of tables of as many laboratories.

    Args:
        studies: their first stages, for the shape of each x_k; of one laboratory each, their losses in known units.
        tables: rows with N, D, loss; units: bytes a token.
        spec: of the first stages: Hoffmann's law, Student-t noise, no group effect.

    Raises:
        UnconvergedError: R-hat >= 1.01, ESS <= 400 or a divergence.
    """
    import nutpie

    model = _model(studies, tables, units, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nutpie and arviz announce their next versions
        compiled = compile_model(model)
        for target_accept in TARGETS:
            trace = nutpie.sample(compiled, draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, seed=seed, save_warmup=False,
                                  target_accept=target_accept, progress_bar=False)
            found = {name: trace.posterior[name].to_numpy().reshape(-1, *trace.posterior[name].shape[2:])
                     for name in ("M", "S_lab", "S_within", "studies")}
            population = Population(found["M"], found["S_lab"], found["S_within"])
            diagnostics = population_diagnostics(population, CHAINS, int(trace.sample_stats["diverging"].sum()))
            if diagnostics.converged:
                break
        else:
            raise UnconvergedError(f"the joint model did not converge: {diagnostics}")
    return Pooled(population, found["studies"], tuple(study.name for study in studies), np.zeros(len(studies)),
                  np.full(len(studies), np.nan), diagnostics)


def _model(studies: Sequence[StudyDraws], tables: Sequence[pd.DataFrame], units: Sequence[float], spec: ModelSpec) -> Any:
    with pm.Model() as model:
        sd = np.vstack([CENTRE_SD, *([COVARIATE_SD] * (len(studies[0].c) - 1))])
        centre = np.vstack([CENTRE, np.zeros((len(studies[0].c) - 1, SIZE))])
        M = pm.Deterministic("M", centre + sd * pm.Normal("m", shape=sd.shape))
        lab = pm.Deterministic("S_lab", _covariance("lab", LAB_SD))
        within = pm.Deterministic("S_within", _covariance("within", WITHIN_SD))
        points = []
        for k, (study, table, unit) in enumerate(zip(studies, tables, units, strict=True)):
            mean, factor = study.x.mean(axis=0), np.linalg.cholesky(np.cov(study.x.T))
            x = mean + pt.dot(pt.as_tensor(factor), pm.Flat(f"z{k}", shape=SIZE, initval=np.zeros(SIZE)))
            pm.Potential(f"population{k}", pm.logp(pm.MvNormal.dist(mu=pt.dot(study.c, M), cov=lab + within), x))
            _rows(k, x, table, unit, spec)
            points.append(x)
        pm.Deterministic("studies", pt.stack(points))
    return model


def _covariance(name: str, scale: Array) -> Any:
    # PyMC's LKJCholeskyCov samples the factor's entries, a funnel in each row; the partial correlations are independent
    sd = scale * pm.HalfStudentT(f"{name}_sd", nu=FREEDOM, sigma=1.0, shape=SIZE)
    pairs = [(i, j) for i in range(SIZE) for j in range(i)]
    power = np.array([ETA + (SIZE - 2 - j) / 2 for _, j in pairs])
    partial = dict(zip(pairs, 2 * pm.Beta(f"{name}_partial", power, power, shape=len(pairs)) - 1, strict=False))
    rows = []
    for i in range(SIZE):
        row, left = [], pt.as_tensor(1.0)
        for j in range(i):
            row.append(partial[i, j] * left)
            left = left * pt.sqrt(1 - partial[i, j] ** 2)
        rows.append(pt.stack([*row, left, *[pt.as_tensor(0.0)] * (SIZE - 1 - i)]))
    factor = sd[:, None] * pt.stack(rows)
    return pt.dot(factor, factor.T)


def _rows(k: int, x: Any, table: pd.DataFrame, unit: float, spec: ModelSpec) -> None:
    # the same noise, priors and reference as the first stage
    rows, p = observations(table, spec), priors(spec, unit)
    N0, D0 = np.exp(np.log(rows.N).mean()), np.exp(np.log(rows.D).mean())
    ln_c, alpha, beta = math.log(REFERENCE / 6), pt.exp(x[0]), pt.exp(x[1])
    ln_N, ln_D, ln_T, total = (ln_c - x[2]) / 2, (ln_c + x[2]) / 2, x[4] + math.log(unit), pt.log(alpha + beta)
    fitted = (pt.exp(x[3]) * unit + pt.exp(ln_T + x[1] - total + alpha * (ln_N - np.log(rows.N)))
              + pt.exp(ln_T + x[0] - total + beta * (ln_D - np.log(rows.D))))
    ln_s, g = pm.Normal(f"ln_s{k}", *p.s), pm.Normal(f"g{k}", 0.0, p.g)
    nu = pm.Gamma(f"nu{k}", alpha=p.nu[0], beta=p.nu[1])
    sigma = pt.exp(ln_s + g * np.log10(rows.C / (6 * N0 * D0)))
    pm.StudentT(f"ln_L{k}", nu=nu, mu=pt.log(fitted), sigma=sigma, observed=np.log(rows.loss))
