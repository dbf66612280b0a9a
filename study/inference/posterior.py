"""Fit a table of runs: NUTS by nutpie, a convergence gate, and the `Posterior` that every answer starts from."""

import os
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.likelihood import log_likelihood
from study.inference.observations import (
    Observations,
    bytes_per_token_of,
    check_design,
    observations,
    reduce_repeats,
    reference,
)
from study.inference.parameters import Array, Parameters, Surface, parameters
from study.inference.priors import free_parameters, priors
from study.inference.shared import digest, shared
from study.inference.spec import HEADLINE, ModelSpec
from study.inference.start import starting_point

NUTS, IMPORTANCE = "NUTS", "importance sampling"  # the ways to draw a posterior
CHAINS = 4
RHAT, ESS = 1.01, 400  # Vehtari et al. 2021 (arXiv 1903.08008)
KHAT = 0.7  # Vehtari et al. 2024 (arXiv 1507.02646)


class UnconvergedError(StudyError):
    """The chains do not agree: there is no posterior to report."""


@dataclass(frozen=True)
class Diagnostics:
    """The gate's numbers: the worst over all parameters, group effects and sampled coordinates."""

    rhat: float
    ess_bulk: float
    ess_tail: float
    divergences: int

    @property
    def effective(self) -> float:
        """The smaller ESS, of bulk and tails."""
        return min(self.ess_bulk, self.ess_tail)

    @property
    def converged(self) -> bool:
        """R-hat < 1.01, bulk and tail ESS > 400, no divergence."""
        return self.rhat < RHAT and self.effective > ESS and self.divergences == 0


@dataclass(frozen=True)
class ImportanceDiagnostics:
    """How far to trust importance draws."""

    khat: float  # Pareto shape of the weights' tail
    effective: float  # Kish's effective number of draws, after smoothing
    proposals: int

    @property
    def converged(self) -> bool:
        """k-hat <= 0.7."""
        return self.khat <= KHAT


@dataclass(frozen=True)
class Posterior:
    """Draws of a fitted model, chains joined: S draws, G groups, R rows."""

    draws: Surface  # L(N, D), arrays of shape (S,)
    parameters: Parameters  # the same draws at the reference, and the nuisance parameters, (S,)
    u: Array  # group effects in ln L, (S, G)
    rows: Observations  # what was fitted, after repeats were reduced if the spec asks
    spec: ModelSpec
    N0: float
    D0: float
    bytes_per_token: float
    seed: int
    diagnostics: Diagnostics | ImportanceDiagnostics
    idata: Any  # arviz.InferenceData: posterior, sample_stats, log_likelihood (of ln L), observed_data, constant_data; or None

    @property
    def khat(self) -> float:
        """Of importance draws; nan of chains."""
        return self.diagnostics.khat if isinstance(self.diagnostics, ImportanceDiagnostics) else float("nan")


def fit_posterior(table: pd.DataFrame, spec: ModelSpec = HEADLINE, *, seed: int, N0: float | None = None,
                  D0: float | None = None, bytes_per_token: float | None = None, draws: int = 1000, tune: int = 1000,
                  cores: int | None = None, share: Path | None = None) -> Posterior:
    """The posterior of `spec` given the rows of `table` (columns of `study.table`, or at least N, D, loss).

    N0, D0 default to the table's geometric means; a design passes its own (`observations.grid_reference`), so that fits of
    its subsets share one prior. 4 chains of `tune` + `draws`; if they do not converge, once more twice as long at target_accept
    0.99. `share` is a folder in which processes share samples (`shared.shared`).

    Raises:
        TooFewRunsError, DegenerateDesignError, BadValueError, SpecError: the table cannot be fitted.
        UnconvergedError: R-hat >= 1.01, ESS <= 400 or a divergence, twice.
    Warns:
        PriorDominatedWarning: ln N and ln D are collinear.
    """
    from study.inference.bayes import GROUP_SLOTS, natural  # PyMC takes two seconds to import

    rows = observations(table, spec)
    check_design(rows)
    spread, freedom = 0.0, 0.0
    if spec.noise == "seed":
        rows, spread, freedom = reduce_repeats(rows)
    N0, D0 = reference(rows, N0, D0)
    bytes_per_token = bytes_per_token if bytes_per_token is not None else bytes_per_token_of(table)
    constants = priors(spec, bytes_per_token)
    start, shear = starting_point(rows, spec, constants, N0, D0)
    slots = GROUP_SLOTS * -(-len(rows.groups) // GROUP_SLOTS) if spec.group is not None else 0
    shear = np.pad(shear, ((0, 0), (0, max(0, slots - shear.shape[1]))))
    data = {
        "rows": np.stack([np.log(rows.N / N0), np.log(rows.D / D0), np.log10(rows.C / (6 * N0 * D0)),
                          np.log(rows.loss), rows.repeats, rows.group.astype(float)]),
        "priors": np.array([np.broadcast_to(np.atleast_1d(value), 2) if np.ndim(value) == 0 else value
                            for value in vars(constants).values()], dtype=float),
        "start": start, "shear": shear, "seeds": np.array([spread, freedom]),
    }
    for target_accept, longer in ((0.95, 1), (0.99, 2)):
        sample = partial(_sample, spec, slots, data, seed=seed, draws=longer * draws, tune=longer * tune, cores=cores,
                         target_accept=target_accept)
        raw, stats = shared(share, digest((spec.form, slots, seed, longer * draws, longer * tune, target_accept), data), sample)
        sampled = natural(raw, start, shear, spec.law)
        if "u" in sampled:
            sampled["u"] = sampled["u"][..., :len(rows.groups)]
        diagnostics = diagnose(sampled, stats)
        if diagnostics.converged:
            break
    else:
        raise UnconvergedError(
            f"NUTS did not converge on {len(rows)} runs (R-hat {diagnostics.rhat:.3f}, smallest effective sample "
            f"{diagnostics.effective:.0f}, divergences: {diagnostics.divergences}): "
            "add runs, or fit a simpler model")
    joined = {name: value.reshape(-1, *value.shape[2:]) for name, value in sampled.items()}
    values = parameters(joined)
    u = joined.get("u", np.zeros((len(values), len(rows.groups))))
    posterior = Posterior(values.surface(N0, D0), values, u, rows, spec, N0, D0, bytes_per_token, seed, diagnostics, None)
    idata = _inference_data(posterior, sampled, stats)
    return replace(posterior, idata=idata)


def _sample(spec: ModelSpec, slots: int, data: dict[str, Array], *, seed: int, draws: int, tune: int,
            cores: int | None, target_accept: float) -> tuple[dict[str, Array], dict[str, Array]]:
    import nutpie

    from study.inference.bayes import compiled

    model = compiled(spec.form, slots)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
        trace = nutpie.sample(
            model.with_data(**{name: data[name] for name in model.shared_data}), draws=draws, tune=tune, chains=CHAINS,
            cores=cores or min(CHAINS, os.cpu_count() or 1), seed=seed, target_accept=target_accept, save_warmup=False,
            progress_bar=False)
    raw = {str(name): values.to_numpy() for name, values in trace.posterior.data_vars.items()}
    stats = {str(name): trace.sample_stats[name].to_numpy() for name in ("diverging", "logp", "n_steps", "step_size")}
    return raw, stats


def diagnose(sampled: dict[str, Array], stats: dict[str, Array]) -> Diagnostics:
    """The gate's numbers of draws by name, each (chains, draws, ...); what never varies is left out."""
    import arviz as az

    columns = np.concatenate([value.reshape(*value.shape[:2], -1) for name, value in sampled.items()
                              if not np.allclose(value, value.flat[0])], axis=2)
    data = az.convert_to_dataset({"x": columns})
    rhat, bulk, tail = az.rhat(data)["x"], az.ess(data, method="bulk")["x"], az.ess(data, method="tail")["x"]
    return Diagnostics(float(rhat.max(skipna=False)), float(bulk.min(skipna=False)), float(tail.min(skipna=False)),
                       int(stats["diverging"].sum()))


def inference_data(posterior: Posterior) -> Any:
    """An arviz.InferenceData of a posterior without one (importance draws, equally weighted): one chain of S draws."""
    free = {name: getattr(posterior.parameters, name)[None] for name in free_parameters(posterior.spec)}
    effects = {"u": posterior.u[None]} if posterior.spec.group is not None else {}
    return _inference_data(posterior, {**free, **effects}, {})


def _inference_data(posterior: Posterior, sampled: dict[str, Array], stats: dict[str, Array]) -> Any:
    import arviz as az

    rows, chains = posterior.rows, next(iter(sampled.values())).shape[:2]
    likelihood = log_likelihood(posterior.parameters, posterior.u, rows, posterior.N0, posterior.D0)
    return az.from_dict(
        posterior=sampled, sample_stats=stats or None, log_likelihood={"ln_L": likelihood.reshape(*chains, -1)},
        observed_data={"ln_L": np.log(rows.loss)},
        constant_data={"N": rows.N, "D": rows.D, "C": rows.C, "group": rows.group, "repeats": rows.repeats},
        coords={"run": np.arange(len(rows)), "group": list(rows.groups)},
        dims={"u": ["group"], "ln_L": ["run"], **{name: ["run"] for name in ("N", "D", "C", "group", "repeats")}},
        attrs={"N0": posterior.N0, "D0": posterior.D0, "bytes_per_token": posterior.bytes_per_token,
               "seed": posterior.seed, **{name: str(value) for name, value in vars(posterior.spec).items()}})
