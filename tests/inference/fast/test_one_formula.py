"""The compiled kernels are a fast path beside the law's one formula: their density must be its density."""

import numpy as np
import pandas as pd
import pytest

from study.inference.fast.target import target
from study.inference.likelihood import log_likelihood
from study.inference.observations import observations
from study.inference.spec import ModelSpec
from study.laws.hoffmann import additive
from study.laws.nesting import log_norm

N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e5, 1e8, 5), np.geomspace(1e7, 1e10, 4)))


@pytest.mark.parametrize("noise", ["student", "normal"])
def test_the_kernels_density_is_that_of_the_law(noise: str) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"N": N, "D": D, "loss": 3 * np.exp(0.1 * rng.standard_normal(len(N)))})
    spec = ModelSpec(noise=noise, group=None)
    rows = observations(table, spec)
    problem = target(rows, spec, 1e6, 1e8, 4.0)
    x = np.array([problem.gaussian_prior(name)[0] if name != "nu" else 2.0 for name in problem.free])
    x = x + 0.3 * rng.standard_normal((200, len(x)))
    psi = 0.5 * rng.standard_normal((200, 2))
    draws = problem.parameters(x, psi)
    by_law = log_likelihood(draws, np.zeros((200, 1)), rows, 1e6, 1e8).sum(axis=1)
    prior = problem.log_prior(x) + sum(-0.5 * (psi[:, k] / problem.prior.t[1]) ** 2 - np.log(problem.prior.t[1])
                                       - 0.5 * np.log(2 * np.pi) for k in range(2))
    np.testing.assert_allclose(problem.log_posterior(x, psi) - prior, by_law, rtol=1e-9, atol=1e-8)


def test_the_two_families_meet_and_pytensor_agrees() -> None:
    import pytensor.tensor as pt
    from pytensor import config

    config.blas__ldflags = ""
    n, d, theta = np.log(N / 1e6), np.log(D / 1e8), (1.3, 0.2, -0.3, 0.34, 0.28)
    plain = additive(*theta, n, d)
    np.testing.assert_allclose(theta[0] + np.exp(log_norm(*theta[1:], 1.0, n, d)), plain, rtol=1e-13)
    np.testing.assert_allclose(additive(*theta, pt.as_tensor(n), pt.as_tensor(d), pt).eval(), plain, rtol=1e-13)
    graph = log_norm(*theta[1:], 0.4, pt.as_tensor(n), pt.as_tensor(d), pt).eval()
    np.testing.assert_allclose(graph, log_norm(*theta[1:], 0.4, n, d), rtol=1e-13)
