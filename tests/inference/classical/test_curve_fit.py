import numpy as np
import pytest

from study.inference.classical.curve_fit import START, fit_curve_fit
from study.inference.classical.points import InferenceError
from study.laws.hoffmann import LossSurface
from study.laws.published import HOFFMANN_ROUNDED

N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))
THREE_N, THREE_D = np.array([5e6, 25e6, 1e8]), np.array([4.5e9, 9e8, 2.25e8])
THREE_LOSS = HOFFMANN_ROUNDED.loss(THREE_N, THREE_D)


def starts(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([rng.uniform(1, 3, count), *np.exp(rng.uniform(4, 8, (2, count))), *rng.uniform(0.2, 0.5, (2, count))])


@pytest.mark.parametrize("bounded", [True, False])
def test_recovers_planted_parameters_on_a_dense_design(bounded: bool) -> None:
    planted = LossSurface(1.7, 350.0, 500.0, 0.33, 0.29)
    fit = fit_curve_fit(N, D, planted.loss(N, D), starts=[START, (2.0, 300.0, 600.0, 0.3, 0.3)], bounded=bounded)
    for name in ("E", "A", "B", "alpha", "beta"):
        assert getattr(fit.surface, name) == pytest.approx(getattr(planted, name), rel=1e-3)


def test_three_runs_are_refused_without_bounds() -> None:
    with pytest.raises(InferenceError, match=r"failed from every start.*parameters=5"):
        fit_curve_fit(THREE_N, THREE_D, THREE_LOSS, bounded=False)


def test_three_runs_fit_exactly_everywhere_and_disagree() -> None:
    fit = fit_curve_fit(THREE_N, THREE_D, THREE_LOSS, starts(20))
    answers = np.asarray(fit.surfaces.D_opt_at(1e9))
    assert fit.exact().all()
    assert answers.max() / answers.min() > 10  # same data, same fit, an order of magnitude apart
    assert all(np.isinf(value) for value in fit.standard_errors.values())
    assert any("could not be estimated" in message for message in fit.failures)


def test_known_noise_turns_ignorance_into_false_certainty() -> None:
    fit = fit_curve_fit(THREE_N, THREE_D, THREE_LOSS, starts(20), sigma=0.01)
    spread = float(np.std(np.asarray(fit.surfaces.alpha)))
    assert fit.failures == ()
    assert fit.standard_errors["alpha"] < 0.01 < 5 * fit.standard_errors["alpha"] < spread


def test_bad_data() -> None:
    with pytest.raises(InferenceError, match="positive"):
        fit_curve_fit([1e6, -1], [1e9, 1e9], [3.0, 3.0])
