"""How long inference takes, beside what a user would write with scipy and PyMC, on one simulated table of a design's cells."""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.bench.machine import machine
from study.laws.hoffmann import LossSurface

RESAMPLES = 4000
TRUTH = LossSurface(0.75, 30.0, 400.0, 0.30, 0.35)  # any surface will do
NOISE = 0.004  # of ln L

Points = tuple[np.ndarray, np.ndarray, np.ndarray]  # N, D, loss


def bench_fit(*, design: str = "cpu", peer_resamples: int = 100, simulations: int = 1000, draws: int = 1000,
              progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Seconds of each part and effective draws a second, with a peer where there is one.

    The peers: a loop of scipy's L-BFGS-B over resamples, from the best fit (`peer_resamples` of them, projected to 4,000);
    PyMC's own NUTS on the plain model of (ln A, ln B, ln E, alpha, beta) with normal noise and flat-ish priors, beside
    `nuts`, ours with normal noise alone; `nuts_headline` is the headline model, on the same table.
    The bootstraps are of the 240 Chinchilla points, or of the design's table where those cannot be had.
    Simulation-based calibration makes `simulations` fast fits, a worker process a core, the start of the processes included.
    """
    from study.inference.calibration.designs import design as named
    from study.inference.calibration.runs import run_calibration
    from study.inference.calibration.sbc import TARGETS
    from study.inference.classical.bootstrap import row_bootstrap
    from study.inference.fast.fit import fit_fast
    from study.inference.posterior import fit_posterior
    from study.inference.spec import HEADLINE

    facts, cells = machine("pymc", "nutpie", "numpy", "scipy", "numba"), named(design)
    table = simulated(cells.table, cells.N, cells.D)
    rows = table["N"].to_numpy(), table["D"].to_numpy(), table["loss"].to_numpy()
    plain = TARGETS["A"]
    out: dict[str, Any] = {"design": design, "rows": len(table), "machine": facts}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, spec in (("nuts", plain), ("nuts_headline", HEADLINE)):
            progress(f"{name}: compiling")
            first, _ = _timed(partial(fit_posterior, table, spec, seed=0, draws=draws))
            progress(name)
            seconds, posterior = _timed(partial(fit_posterior, table, spec, seed=1, draws=draws))
            ess = posterior.diagnostics.ess_bulk
            out[name] = {"seconds": seconds, "seconds_of_the_first": first, "effective_draws": ess,
                         "effective_draws_per_second": ess / seconds}
        progress("PyMC's NUTS")
        out["pymc_nuts"] = _pymc(rows, draws)
        progress("importance sampling")
        fit_fast(table, HEADLINE, seed=0)
        out["fast_fit_seconds"] = float(np.median([_timed(partial(fit_fast, table, HEADLINE, seed=s))[0] for s in range(1, 6)]))
        progress("bootstrap")
        points = _chinchilla() or rows
        out["bootstrap_points"] = len(points[0])
        out["bootstrap_4000_seconds"], _ = _timed(lambda: row_bootstrap(*points, seed=0, resamples=RESAMPLES))
        progress("scipy's L-BFGS-B")
        out["scipy_bootstrap_4000_seconds_projected"] = _scipy_loop(points, peer_resamples) * RESAMPLES / peer_resamples
        out["scipy_resamples_measured"] = peer_resamples
        progress("calibration")
        workers = os.cpu_count() or 1
        with tempfile.TemporaryDirectory() as folder:
            out["sbc_seconds"], _ = _timed(partial(run_calibration, design, "headline", "fast", simulations, Path(folder),
                                                   workers=workers))
        out["sbc_fits"], out["sbc_workers"] = simulations, workers
    progress("study fit")
    out["study_fit_seconds"] = _study_fit(table)
    return {**out, "about": " ".join((bench_fit.__doc__ or "").split())}


def simulated(as_table: Callable[[np.ndarray], pd.DataFrame], N: np.ndarray, D: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """The table of a design whose losses are those of `TRUTH` with 0.4 % of noise."""
    noise = NOISE * np.random.default_rng(seed).standard_normal(len(N))
    return as_table(np.asarray(TRUTH.loss(N, D)) * np.exp(noise))


def _chinchilla() -> Points | None:
    """Hoffmann et al.'s points without their outliers: N, D, loss; none where the table cannot be had."""
    from study.published import load
    from study.published.fetch import PublishedError

    try:
        table = load("chinchilla")
    except PublishedError:
        return None
    kept = table[~table["outlier"]]
    return kept["N"].to_numpy(), kept["D"].to_numpy(), kept["loss"].to_numpy()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _scipy_loop(rows: Points, resamples: int) -> float:
    """Seconds of `resamples` fits of resampled rows by L-BFGS-B from the best fit, one at a time."""
    from scipy.optimize import minimize
    from scipy.special import huber, logsumexp

    from study.inference.classical.huber import fit_huber, log_parameters

    N, D, loss = rows
    best = log_parameters(fit_huber(N, D, loss).surface)

    def objective(at: np.ndarray, n: np.ndarray, d: np.ndarray, y: np.ndarray) -> float:
        a, b, e, alpha, beta = at
        predicted = logsumexp([a - alpha * n, b - beta * d, np.full_like(n, e)], axis=0)
        return float(huber(1e-3, y - predicted).sum())

    random = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(resamples):
        chosen = random.integers(0, len(N), len(N))
        minimize(objective, best, args=(np.log(N[chosen]), np.log(D[chosen]), np.log(loss[chosen])), method="L-BFGS-B")
    return time.perf_counter() - start


def _pymc(rows: Points, draws: int) -> dict[str, float]:
    """PyMC's NUTS on the plain model: four chains, one after the other, as many draws and tuning steps."""
    import arviz as az
    import pymc as pm

    N, D, loss = rows
    n, d = np.log(N / np.exp(np.log(N).mean())), np.log(D / np.exp(np.log(D).mean()))
    with pm.Model():
        ln_A, ln_B, ln_E = pm.Normal("ln_A", -1, 1), pm.Normal("ln_B", -1, 1), pm.Normal("ln_E", 0, 1)
        alpha, beta, ln_s = pm.HalfNormal("alpha", 1), pm.HalfNormal("beta", 1), pm.Normal("ln_s", -5, 2)
        predicted = pm.math.log(pm.math.exp(ln_A - alpha * n) + pm.math.exp(ln_B - beta * d) + pm.math.exp(ln_E))
        pm.Normal("y", predicted, pm.math.exp(ln_s), observed=np.log(loss))
        start = time.perf_counter()
        drawn = pm.sample(draws=draws, tune=draws, chains=4, cores=1, random_seed=0, progressbar=False,
                          compute_convergence_checks=False)
        seconds = time.perf_counter() - start
    ess = float(min(float(value) for value in az.ess(drawn).to_array().values.ravel()))
    return {"seconds": seconds, "effective_draws": ess, "effective_draws_per_second": ess / seconds,
            "divergences": int(drawn.sample_stats["diverging"].sum())}


def _study_fit(table: pd.DataFrame) -> float:
    """Seconds of the whole command on a table, from start to figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        table[["N", "D", "loss"]].to_csv(path, index=False)
        command = [sys.executable, "-W", "ignore", "-m", "study.cli", "fit", str(path), "--out", str(Path(folder) / "fit")]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start
