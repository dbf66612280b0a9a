"""The headline's answers: at the target, as an experiment would measure them, under other counts, at the exact cost."""

from dataclasses import replace

import numpy as np

from study.analysis.study import CHINCHILLA_C, MANY_DRAWS, SEED, Study, once
from study.counts import N_CONVENTIONS, config_counts, config_flops_per_token
from study.inference.answers import NewExperiment, exact_cost_optimum, new_experiment_at
from study.inference.digits import Estimate, estimate
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.spec import HEADLINE
from study.laws.errata import TARGET_N


@once
def asked(study: Study, N: float = TARGET_N) -> Estimate:
    """D_opt at N, tokens: median and intervals, with their Monte Carlo errors."""
    return estimate(study.many, np.asarray(study.many.draws.D_opt_at(N)))


def tokens(study: Study) -> Array:
    """D_opt at the target, tokens, per draw of `Study.many`."""
    return np.asarray(study.many.draws.D_opt_at(TARGET_N))


def middle_tokens(study: Study) -> float:
    """The median of `tokens`."""
    return asked(study).median


def target_compute(study: Study) -> float:
    """6 N D_opt at the target, FLOP, with the median D_opt."""
    return 6 * TARGET_N * middle_tokens(study)


def at_chinchilla(study: Study) -> Estimate:
    """N_opt at Chinchilla's budget."""
    return estimate(study.many, np.asarray(study.many.draws.N_opt(CHINCHILLA_C)))


def exponent(study: Study) -> Estimate:
    """The exponent a of N_opt = G (C/6)^a."""
    return estimate(study.many, np.asarray(study.many.draws.a))


@once
def measured(study: Study, N: float = TARGET_N) -> NewExperiment:
    """The optimum at N as a new isoFLOP experiment would measure it, one a draw."""
    return new_experiment_at(study.posterior, N, seed=SEED)


@once
def posteriors(study: Study) -> dict[str, Posterior]:
    """The headline's posterior, then that of the same model under the other conventions for N; by many draws.

    By importance sampling; the model's own draws (`Study.drawn`) where that fails its gate.
    """
    out = {HEADLINE.n_convention: study.many}
    for name in N_CONVENTIONS:
        if name not in out:
            spec = replace(HEADLINE, n_convention=name)
            found = study.refit(study.fit, spec, draws=MANY_DRAWS)
            out[name] = found if found.diagnostics.converged else study.drawn(spec).posterior
    return out


@once
def exact_optimum(study: Study) -> tuple[float, Array, Array]:
    """At the largest fitted budget: the budget, N_opt per draw at C = 6 N D, and under the exact cost a token of the ladder."""
    configs = {cell.config.width: cell.config for cell in study.grid.of("fit")}.values()
    ladder = [float(config_counts(config).multiplying) for config in configs]
    C = float(study.fit["budget"].max())
    exact = exact_cost_optimum(study.posterior.draws, C, ladder, [float(config_flops_per_token(config)) for config in configs])
    return C, np.asarray(study.posterior.draws.N_opt(C)), exact
