"""Any law by NUTS: the same formula in PyTensor, in coordinates whitened at the mode."""

import os
import warnings

import numpy as np

from study.inference.compiling import compile_model
from study.inference.general.density import Problem, log_marginal, log_symbols
from study.inference.general.law_posterior import LawPosterior
from study.inference.general.mode import laplace, widened
from study.inference.posterior import CHAINS, UnconvergedError, diagnose
from study.inference.priors import NOISE, NU, TAU

TUNE = 1000


def nuts(at: Problem, *, seed: int, draws: int = 1000) -> LawPosterior:
    """4 chains, once more four times as long where they do not converge; the draws joined.

    Raises:
        UnconvergedError: R-hat >= 1.01, ESS <= 400 or a divergence, twice.
    """
    from study.inference.bayes import pm, pt  # PyMC takes two seconds to import

    mode, factor = laplace(at, np.random.default_rng(seed))
    law, size = at.law, len(mode)
    with pm.Model() as model:
        z = pm.Flat("z", shape=size, initval=np.zeros(size))
        x, log_jacobian = widened(mode + pt.dot(factor, z), mode, pt)
        logs, log_determinant = log_symbols(law, x, pt)
        prior = sum(-0.5 * ((logs[name] - p.mu) / p.sigma) ** 2 for name, p in law.priors.items()) + log_determinant + log_jacobian
        prior -= 0.5 * ((x[size - 2] - NOISE[0]) / NOISE[1]) ** 2
        pm.Potential("prior", pt.switch(pt.isnan(prior), -np.inf, prior))
        theta = {name: pt.exp(value) for name, value in logs.items()}
        centre, last = pt.log(law.mean(theta, at.columns, pt)), x[size - 1]
        if at.group is None:
            pm.Potential("nu", NU[0] * last - NU[1] * pt.exp(last))
            pm.StudentT("y", nu=pt.exp(last), mu=centre, sigma=pt.exp(x[size - 2]), observed=at.y)
        else:
            pm.Potential("tau", last - 0.5 * (pt.exp(last) / TAU) ** 2)
            pm.Potential("y", log_marginal(at.y - centre, pt.exp(2 * x[size - 2]), pt.exp(2 * last), at.member, pt))
    import nutpie
    from numba import NumbaPerformanceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaPerformanceWarning)  # a product with the transposed factor: microseconds
        compiled = compile_model(model)
    for target_accept, longer in ((0.95, 1), (0.99, 4)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
            trace = nutpie.sample(compiled, draws=longer * draws, tune=longer * TUNE, chains=CHAINS, save_warmup=False,
                                  cores=min(CHAINS, os.cpu_count() or 1), seed=seed, target_accept=target_accept,
                                  progress_bar=False)
        point, _ = widened(mode + trace.posterior["z"].to_numpy() @ factor.T, mode)
        found = diagnose({"x": point}, {"diverging": trace.sample_stats["diverging"].to_numpy()})
        if found.converged:
            break
    else:
        raise UnconvergedError(f"NUTS did not converge on the law {law.name} (R-hat {found.rhat:.3f}, divergences: "
                               f"{found.divergences}): add runs, or fit a simpler law")
    joined = point.reshape(-1, size)
    return LawPosterior(law, at, joined, at.effects(joined, np.random.default_rng([seed, 1])), found, seed)
