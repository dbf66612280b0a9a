"""Calibration: sound fits pass, planted bugs do not, failures are kept, an interrupted study resumes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.errors import StudyError
from study.inference.calibration import runs as calibration_runs
from study.inference.calibration import sbc
from study.inference.calibration.designs import THREE, corpus_bytes_per_token, design
from study.inference.calibration.runs import CalibrationError, run_calibration
from study.inference.calibration.sbc import FITS, INFORMATION, SEED, TARGETS, calibrate, one_draw, rank_tests
from study.inference.fast.fit import fit_fast
from study.inference.parameters import Parameters
from study.inference.posterior import Diagnostics, Posterior, UnconvergedError
from study.inference.priors import free_parameters
from tests.conftest import Repository

A = TARGETS["A"]


def fit(*arguments: object, **keywords: object) -> Posterior:
    return fit_fast(*arguments, **keywords, draws=1000, fallback=False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sound() -> pd.DataFrame:
    return calibrate(THREE, A, range(100), fit=fit)


def test_every_parameter_and_derived_quantity_is_ranked(sound: pd.DataFrame) -> None:
    ranked = set(sound.columns) - set(INFORMATION)
    assert ranked == {*free_parameters(A), "A", "B", "a", "D_opt_at", "N_opt", "loss_opt", "log_likelihood"}
    row = one_draw(0, THREE, TARGETS["headline"], fit)
    assert {"g", "nu", "tau", "s"} < set(row) and row["how"] == "fast"


def test_the_exact_posterior_passes(sound: pd.DataFrame) -> None:
    found = rank_tests(sound)
    assert (sound["how"] == "fast").all() and (sound["khat"] < 0.7).mean() > 0.97
    assert found["holm"].min() > 0.01
    assert found["coverage_80"].between(0.68, 0.92).all()


def test_a_draw_has_its_own_stream(sound: pd.DataFrame) -> None:
    alone = calibrate(THREE, A, range(7, 9), fit=fit)
    pd.testing.assert_frame_equal(alone, sound.iloc[7:9].reset_index(drop=True))
    other = calibrate(THREE, A, range(7, 9), fit=fit, seed=SEED + 1)
    assert not np.array_equal(other["alpha"], alone["alpha"])


def changed(posterior: Posterior, keep: np.ndarray, **values: np.ndarray) -> Posterior:
    p = replace(posterior.parameters, **values).take(keep)
    assert isinstance(p, Parameters)
    return replace(posterior, parameters=p, u=posterior.u[keep])


def wrong_scale(*arguments: object, **keywords: object) -> Posterior:
    posterior = fit(*arguments, **keywords)
    return changed(posterior, np.arange(1000), s=2.0 * posterior.parameters.s)  # a variance taken for a s.d., say


def truncated_grid(*arguments: object, **keywords: object) -> Posterior:
    posterior = fit(*arguments, **keywords)
    s = posterior.parameters.s
    inside = np.flatnonzero(np.log(s) < np.log(s).mean() + 0.7 * np.log(s).std())  # what lies beyond was never proposed
    return changed(posterior, np.resize(inside, 1000))


@pytest.mark.parametrize("bug", [wrong_scale, truncated_grid])
def test_a_planted_bug_is_caught_though_k_hat_is_blind(bug: object, sound: pd.DataFrame) -> None:
    rows = calibrate(THREE, A, range(60), fit=bug)  # type: ignore[arg-type]
    assert np.array_equal(rows["khat"], sound["khat"][:60])
    found = rank_tests(rows).set_index("quantity")
    assert found.loc["s", "holm"] < 0.001


def test_failures_are_kept_and_counted() -> None:
    def sometimes(*arguments: object, **keywords: object) -> Posterior:
        if int(keywords["seed"]) % 2:  # type: ignore[call-overload]
            raise StudyError("no luck")
        return fit(*arguments, **keywords)

    rows = calibrate(THREE, A, range(20), fit=sometimes)
    failed = rows["how"] == "failed"
    assert 0 < failed.sum() < 20 and list(rows["draw"]) == list(range(20))
    assert set(rows.loc[failed, "reason"]) == {"StudyError: no luck"}
    assert rows.loc[failed, "alpha"].isna().all() and rows.loc[~failed, "alpha"].notna().all()


def test_nuts_rows_say_so() -> None:
    def chains(*arguments: object, **keywords: object) -> Posterior:
        return replace(fit(*arguments, **keywords), diagnostics=Diagnostics(1.0, 900.0, 800.0, 0))

    row = one_draw(0, THREE, A, chains)
    assert (row["how"], row["effective"]) == ("nuts", 900.0) and np.isnan(row["khat"])


def test_an_interrupted_study_resumes_and_a_finished_one_rests(repository: Repository, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_runs, "CHUNK", 5)
    monkeypatch.setitem(sbc.FITS, "fast", fit)
    done: list[int] = []

    def interrupt(count: int, _: int) -> None:
        done.append(count)
        repository.commit()
        if count == 10:
            raise KeyboardInterrupt

    first = repository.head
    with pytest.raises(KeyboardInterrupt):
        run_calibration("three", "A", "fast", 20, tmp_path, workers=1, progress=interrupt)
    assert not list(tmp_path.glob("*.json")) and done == [0, 5, 10]
    seen: list[int] = []
    record = run_calibration("three", "A", "fast", 20, tmp_path, workers=1, progress=lambda *count: seen.append(count[0]))
    assert seen == [10, 15, 20]  # the two chunks that were done are not fitted again
    body, rows = json.loads(record.read_text()), pd.read_csv(record.with_suffix(".csv"))
    assert body["seed"] == SEED and body["draws"] == len(rows) == 20 and body["failures"] == []
    assert body["provenance"]["git_commit"] == first != repository.head
    assert {row["quantity"] for row in body["tests"]} > {"s", "alpha", "D_opt_at"}
    assert not list((tmp_path / ".work").iterdir())
    whole = run_calibration("three", "A", "fast", 20, tmp_path / "again", workers=1)
    assert whole.with_suffix(".csv").read_bytes() == record.with_suffix(".csv").read_bytes()
    before = record.stat().st_mtime_ns
    assert run_calibration("three", "A", "fast", 20, tmp_path, workers=1) == record
    assert record.stat().st_mtime_ns == before


def test_a_study_whose_fits_fail_is_recorded_with_its_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> Posterior:
        raise UnconvergedError("no")

    monkeypatch.setitem(FITS, "fast", fails)
    body = json.loads(run_calibration("three", "A", "fast", 20, tmp_path, workers=1).read_text())
    assert len(body["failures"]) == 20 and body["tests"] == [] and body["fitted_by"] == {"failed": 20}


def test_bad_requests_are_one_line(tmp_path: Path) -> None:
    for arguments in (("three", "B", "fast", 40), ("three", "A", "slow", 40), ("three", "A", "fast", 5)):
        with pytest.raises(CalibrationError):
            run_calibration(*arguments, tmp_path)
    with pytest.raises(StudyError, match="unknown grid"):
        run_calibration("four", "A", "fast", 40, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_design_s_bytes_a_token_are_its_corpus_s() -> None:
    """The prior that calibration tests is the one that the grid's fit uses; those of the committed studies are as they were."""
    assert [design(name).bytes_per_token for name in ("cpu", "cpu2", "markov-2", "three")] == [2.56, 2.49, 2.49, 4.3]
    assert corpus_bytes_per_token("no such corpus") == 4.3
    assert THREE.N.tolist() == [5e6, 25e6, 1e8] and THREE.D.tolist() == [4.5e9, 9e8, 2.25e8]
    assert THREE.width.tolist() == [256, 512, 1024]


def test_a_grid_is_a_design() -> None:
    cells = design("cpu")
    assert len(cells.N) == len(cells.D) == len(cells.width) > 40
    assert np.exp(np.log(cells.N).mean()) == pytest.approx(cells.N0)
    assert list(cells.take(np.array([1, 3]), "two").N) == list(cells.N[[1, 3]])
    assert np.array_equal(np.unique(cells.width)[cells.group], cells.width)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "target"), [("cpu", "A"), ("cpu", "headline"), ("three", "headline")])
def test_both_targets_pass_on_both_designs(name: str, target: str) -> None:
    rows = calibrate(design(name), TARGETS[target], range(200), fit=fit)
    found = rank_tests(rows)
    assert (rows["khat"] > 0.7).mean() < 0.05
    assert found["holm"].min() > 0.001
