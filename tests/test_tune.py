"""The recipe's rules: planted optima are recovered, edges are not called optima."""

import itertools
import math

import pandas as pd
import pytest

from study.tune import Rule, batch_optima, fit_rule, rate_optima, vertex

PLANTED = Rule(rate=0.02, width_exponent=0.9, batch_exponent=0.5, batch=700.0, data_exponent=0.3)


def sweep_table(rates: tuple[float, ...] = (0.2, 0.4, 0.8, 1.6, 3.2)) -> pd.DataFrame:
    rows = []
    for width, batch, rate in itertools.product((24, 32, 48, 64), (256, 512, 1024, 2048), rates):
        D = 10**9 // width**2
        best_rate = 0.02 * (width / 48) ** -0.9 * (batch / 1024) ** 0.5
        best_batch = 700.0 * (D / 1e6) ** 0.3
        loss = 4 + 0.05 * math.log(rate / width / best_rate) ** 2 + 0.03 * math.log(batch / best_batch) ** 2
        rows.append({"budget": 3e11, "width": width, "batch_tokens": batch, "learning_rate": rate / width, "loss": loss,
                     "N": 1000 * width, "D": D, "status": "complete"})
    return pd.DataFrame(rows)


def test_planted_rules_are_recovered() -> None:
    rule = fit_rule(sweep_table())
    for name in ("rate", "width_exponent", "batch_exponent", "batch", "data_exponent"):
        assert getattr(rule, name) == pytest.approx(getattr(PLANTED, name), rel=1e-4), name


def test_rates_and_batches_are_read_from_the_rule() -> None:
    assert PLANTED.learning_rate(48, 1024) == 0.02
    assert PLANTED.learning_rate(96, 1024) == pytest.approx(0.02 * 2**-0.9, rel=0.005)
    assert PLANTED.batch_tokens(1_000_000) == 512
    assert PLANTED.batch_tokens(100) == 256  # one sequence is the floor


def test_an_edge_is_no_optimum() -> None:
    assert not vertex([1, 2, 4], [3.0, 2.0, 1.0]).interior
    inside = vertex([1, 2, 4], [2.0, 1.0, 2.0])
    assert inside.interior and inside.x == pytest.approx(2) and inside.loss == pytest.approx(1)
    with pytest.raises(ValueError, match="three"):
        vertex([1, 2], [1.0, 2.0])
    cut = rate_optima(sweep_table(rates=(1.6, 3.2, 6.4)))
    assert not cut[cut["batch_tokens"] == 256]["interior"].any()


def test_diverged_runs_take_no_part_and_the_floor_is_marked() -> None:
    frame = sweep_table()
    broken = frame.index[(frame["width"] == 24) & (frame["learning_rate"] == 3.2 / 24)]
    frame.loc[broken, "loss"], frame.loc[broken, "status"] = 0.0, "diverged"
    assert fit_rule(frame).batch == pytest.approx(700.0, rel=0.02)
    small = frame.assign(loss=frame["loss"] + 0.2 * frame["batch_tokens"].map(math.log) ** 2)
    assert batch_optima(small)["at_floor"].all()
