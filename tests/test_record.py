"""Records: written whole, read back equal, never overwritten, tampering seen."""

import errno
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study import record as module
from study.record import (
    Loss,
    RecordError,
    Timing,
    clustered_mean,
    paired_difference,
    read_record,
    read_runs,
    write_atomic,
    write_record,
)
from tests.makers import CONFIG, record


def test_round_trip(tmp_path: Path) -> None:
    ours = record()
    directory = tmp_path / ours.run_id
    write_record(directory, ours)
    theirs = read_record(directory)
    assert theirs.curve[0] == ours.curve[0]
    assert math.isnan(theirs.curve[1].gradient_square)
    assert replace(theirs, curve=()) == replace(ours, curve=())
    assert [r.run_id for r in read_runs(tmp_path)] == [ours.run_id]
    assert sorted(path.name for path in directory.iterdir()) == ["curve.csv", "record.json"]


def test_a_record_is_written_once(tmp_path: Path) -> None:
    directory = tmp_path / CONFIG.run_id
    write_record(directory, record())
    with pytest.raises(RecordError, match="written once"):
        write_record(directory, record(loss=1.0))
    assert read_record(directory).losses["validation"].nats_per_token == 2.0


def test_an_edited_config_is_seen(tmp_path: Path) -> None:
    directory = tmp_path / CONFIG.run_id
    write_record(directory, record())
    path = directory / "record.json"
    body = json.loads(path.read_text())
    body["config"]["learning_rate"] = 0.5
    path.write_text(json.dumps(body))
    with pytest.raises(RecordError, match="edited or moved"):
        read_record(directory)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / CONFIG.run_id
    write_record(directory, record())
    path = directory / "record.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))
    with pytest.raises(RecordError, match="schema 99"):
        read_record(directory)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": 1}'])
def test_a_broken_record_says_so(tmp_path: Path, text: str) -> None:
    directory = tmp_path / "broken"
    directory.mkdir()
    (directory / "record.json").write_text(text)
    with pytest.raises(RecordError):
        read_record(directory)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(RecordError, match="No space left"):
        write_record(tmp_path / CONFIG.run_id, record())
    assert not list((tmp_path / CONFIG.run_id).iterdir())


def test_write_atomic_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    monkeypatch.setattr(module.os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_clustered_standard_error_against_simulation() -> None:
    random = np.random.default_rng(0)
    sizes = random.integers(50, 200, size=60).tolist()
    estimates, errors = [], []
    for _ in range(2000):
        mean, error = clustered_mean(random.normal(0, 0.3, size=60).tolist(), sizes)
        estimates.append(mean)
        errors.append(error)
    assert np.std(estimates) == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=0.05)


def test_paired_difference() -> None:
    a, b = Loss(2, 0.1, 1, 20, (1.0, 3.0), (10, 10)), Loss(1.5, 0.1, 1, 20, (0.5, 2.5), (10, 10))
    assert paired_difference(a, b) == (0.5, 0.0)
    with pytest.raises(ValueError, match="clusters"):
        paired_difference(a, replace(b, cluster_tokens=(5, 15)))


def test_the_error_of_a_paired_difference_weighs_clusters_by_their_tokens() -> None:
    tokens = (10, 20, 70)
    a, b = Loss(2, 0.1, 1, 100, (1.2, 2.6, 3.0), tokens), Loss(1, 0.1, 1, 100, (1.0, 2.0, 2.0), tokens)  # d = 0.2, 0.6, 1.0
    # mean = 0.02 + 0.12 + 0.7;  se^2 = 3/2 (0.1^2 0.64^2 + 0.2^2 0.24^2 + 0.7^2 0.16^2)
    assert paired_difference(a, b) == pytest.approx((0.84, 0.028416**0.5))


def test_mfu_is_of_the_data_sheet_s_peak_where_there_is_one() -> None:
    timing = Timing(1.0, 1.0, 2.0, 2.0, 100.0, matmul_peak=1e11, fraction_of_peak=0.3)
    assert timing.mfu == pytest.approx(0.3) and replace(timing, published_peak=2e11).mfu == pytest.approx(0.15)
