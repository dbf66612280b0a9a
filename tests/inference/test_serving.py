"""The optimum with inference counted: Sardana's problem solved, per draw."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from study.inference.serving import overtraining, serving
from study.laws.hoffmann import LossSurface

LAW = LossSurface(np.array([1.69, 1.8]), np.array([406.4, 480.0]), np.array([410.7, 2000.0]), np.array([0.34, 0.35]),
                  np.array([0.28, 0.365]))


def draw(k: int) -> LossSurface:
    return LossSurface(*(float(value[k]) for value in vars(LAW).values()))


@pytest.mark.parametrize("tokens", [1e9, 1e12, 1e15])
def test_it_is_the_least_of_all_sizes_that_reach_the_loss(tokens: float) -> None:
    found = serving(LAW, 1e22, tokens)
    for k in range(2):
        law, loss = draw(k), found.loss[k]

        def total(ln_N: float, law: LossSurface = law, loss: float = loss) -> float:
            left = loss - law.E - law.A * np.exp(-law.alpha * ln_N)
            return 1e300 if left <= 0 else float(np.exp(ln_N) * (6 * (law.B / left) ** (1 / law.beta) + 2 * tokens))

        near = np.log(found.N[k])
        best = minimize_scalar(total, bounds=(near - 0.02, near + 2), method="bounded", options={"xatol": 1e-9})
        assert found.N[k] == pytest.approx(np.exp(best.x), rel=1e-4) and found.C[k] == pytest.approx(best.fun, rel=1e-9)
        assert law.loss(found.N[k], found.D[k]) == pytest.approx(loss, rel=1e-12)
    assert (LAW.N_opt(1e22) > found.N).all() and (found.C_chinchilla > found.C).all()


def test_no_inference_is_chinchilla_and_more_makes_models_smaller() -> None:
    assert np.allclose(serving(LAW, 1e22, 0.0).N, LAW.N_opt(1e22)) and np.allclose(serving(LAW, 1e22, 0.0).D, LAW.D_opt(1e22))
    sizes = [serving(LAW, 1e22, tokens).N for tokens in (1e10, 1e12, 1e14)]
    assert (np.diff(sizes, axis=0) < 0).all()
    with pytest.raises(ValueError, match="positive"):
        serving(LAW, 1e22, -1.0)


def test_overtraining_costs_what_the_frontier_says() -> None:
    best = LAW.D_opt(1e22) / LAW.N_opt(1e22)
    assert np.allclose(overtraining(draw(0), 1e22, float(best[0])).compute, 1)
    found = overtraining(LAW, 1e22, 500.0)
    assert found.ratio == 500 and np.allclose(found.D / found.N, 500)
    assert (found.loss_above > 0).all() and (found.compute > 1).all()
    C = 1e22 / found.compute  # the compute-optimal model of the same loss
    assert np.allclose(LAW.loss(LAW.N_opt(C), LAW.D_opt(C)), LAW.loss(found.N, found.D))
