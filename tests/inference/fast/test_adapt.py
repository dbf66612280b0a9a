"""The adaptive sampler on targets that are known: it finds them from afar, stops when its rule says so, and says when it failed."""

import numpy as np
import pytest
from scipy import stats

from study.inference.fast.adapt import Adaptation, Evaluate, adapt, settle
from study.inference.fast.mixture import Mixture
from study.inference.parameters import Array

MEAN, COVARIANCE = np.array([3.0, -2.0]), np.array([[1.0, 0.8], [0.8, 1.0]])
FAR = Mixture(np.zeros((20, 2)), (np.eye(2), 3 * np.eye(2)), np.zeros((20, 2)))


class Normal:
    """Evaluates a normal target and counts the draws it was asked for."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.asked: list[int] = []
        self.effective: list[float] = []

    def __call__(self, mixture: Mixture, count: int) -> tuple[Array, Array, Array]:
        x, psi = mixture.draw(count, self.rng)
        log_weight = stats.multivariate_normal(MEAN, COVARIANCE).logpdf(x) - mixture.log_density(x)
        weight = np.exp(log_weight - log_weight.max())
        self.asked.append(count)
        self.effective.append(float(weight.sum() ** 2 / (weight**2).sum()) / count)
        return x, psi, log_weight


def test_a_target_far_from_the_first_mixture_is_found() -> None:
    rng = np.random.default_rng(0)
    evaluate: Evaluate = Normal(rng)
    mixture = adapt(evaluate, FAR, Adaptation(round=1000, least=1, most=20, enough=0.5), rng)
    found = settle(evaluate, mixture, [8000], 1000, rng)
    x = found.x[found.equal(4000, rng)]
    assert found.diagnostics.converged and found.diagnostics.effective > 4000 and found.diagnostics.proposals == 8000
    assert x.mean(axis=0) == pytest.approx(MEAN, abs=0.08) and np.cov(x.T) == pytest.approx(COVARIANCE, abs=0.1)
    weight = np.exp(found.log_weight - found.log_weight.max())
    assert weight @ found.x / weight.sum() == pytest.approx(MEAN, abs=0.06)


def test_adaptation_ends_by_its_rule() -> None:
    def rounds(**rule: float) -> Normal:
        rng = np.random.default_rng(1)
        target = Normal(rng)
        adapt(target, FAR, Adaptation(**{"round": 1000, "least": 1, "most": 20, "enough": 0.5, **rule}), rng)  # type: ignore[arg-type]
        return target

    good = rounds()
    assert good.effective[-1] > 0.5 and all(share <= 0.5 for share in good.effective[:-1]) and 1 < len(good.asked) < 20
    assert set(good.asked) == {1000}
    assert len(rounds(least=len(good.asked) + 3).asked) == len(good.asked) + 3
    assert len(rounds(enough=2.0, growth=0.0, most=7).asked) == 7, "a fraction that cannot be reached, and no rest"
    rests = rounds(enough=2.0, slack=20.0, growth=1.1)
    assert len(rests.asked) < 20 and 0.1 < rests.effective[-1] < 1.1 * rests.effective[-2]


def test_the_first_attempt_that_is_good_is_kept_and_a_failure_is_told() -> None:
    rng = np.random.default_rng(2)
    close = Mixture(np.tile(MEAN, (20, 1)), (np.linalg.cholesky(COVARIANCE), 2 * np.eye(2)), np.zeros((20, 2)))
    target = Normal(rng)
    assert settle(target, close, [500, 2000], 100, rng).diagnostics.proposals == 500 and target.asked == [500]
    target = Normal(rng)
    assert settle(target, close, [500, 2000], 1000, rng).diagnostics.proposals == 2000, "too few effective draws the first time"
    assert target.asked == [500, 2000]

    def heavy(_: Mixture, count: int) -> tuple[Array, Array, Array]:
        x = rng.standard_normal((count, 2))  # normal proposals for Cauchy tails
        return x, np.zeros((count, 2)), (stats.cauchy.logpdf(x) - stats.norm.logpdf(x)).sum(axis=1)

    found = settle(heavy, close, [2000, 3000], 0, rng)
    assert not found.diagnostics.converged and found.diagnostics.proposals == 3000, "k-hat alone has it tried again"


def test_a_further_attempt_draws_from_a_better_mixture() -> None:
    target = Normal(np.random.default_rng(3))
    settle(target, FAR, [4000, 4000], 4000, target.rng)
    assert target.effective[1] > 2 * target.effective[0]
