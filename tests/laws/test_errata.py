import pytest

from study.laws import errata


def test_lab_losses_and_gaps() -> None:
    assert [round(float(e.computed), 3) for e in errata.lab_losses()] == [4.648, 4.208, 4.348]
    assert [e.claimed for e in errata.lab_losses()] == [4.66, 4.40, 4.48]
    assert [round(float(e.computed), 2) for e in errata.lab_gaps()] == [0.44, 0.14]


def test_lab_runs_are_not_isoflop() -> None:
    rows = errata.lab_isoflop()
    assert [round(float(e.computed) / 1e17, 2) for e in rows[:3]] == [1.27, 1.02, 1.36]
    assert [round(float(e.computed) / errata.LAB_BUDGET, 1) for e in rows[3:]] == [3.8, 1.9, 1.6]
    assert [round(run.non_embedding / 1e6, 2) for run in errata.LAB_RUNS] == [4.72, 18.87, 100.66]


def test_essay() -> None:
    inverted, smallest = errata.essay()
    assert float(inverted.claimed) * float(inverted.computed) == pytest.approx(1)
    assert float(inverted.computed) < 1 < float(inverted.claimed)
    assert smallest.claimed == 768e6 and smallest.computed == 768


def test_pearce_song() -> None:
    besiroglu, hoffmann, local = errata.pearce_song()
    assert (besiroglu.claimed, hoffmann.claimed) == (0.78, 0.74)
    assert float(besiroglu.computed) == pytest.approx(0.79, abs=0.005)
    assert float(hoffmann.computed) == pytest.approx(0.758, abs=0.002)
    assert local.computed == "0.76 at 768, 0.53 at 1.5e+09"


def test_go_reuses_its_weights_at_every_point() -> None:
    cost, peak = errata.go()
    assert float(cost.computed) / float(cost.claimed) == pytest.approx(361)
    assert float(cost.claimed) == pytest.approx(6e9 * 64)
    assert errata.GO_PEAK_STEPS["1B"] > errata.GO_PEAK_STEPS["500M"]
    assert peak.off is None


def test_every_erratum_differs_from_its_claim_and_says_why() -> None:
    rows = errata.errata()
    assert len(rows) == len({(row.source, row.what) for row in rows})
    for row in rows:
        assert row.claimed != row.computed
        if isinstance(row.claimed, float) and isinstance(row.computed, float):  # more than a rounding of the last digit
            assert abs(row.computed / row.claimed - 1) > 2e-3, row.what
        assert row.why
        assert row.off is None or row.off != 0
