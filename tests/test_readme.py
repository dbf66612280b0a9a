"""The README's answer is that of the committed records, and what it tells to type exists."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from study.analysis import answers
from study.analysis.study import load
from study.cli import COMMANDS
from study.grids import MAIN
from study.inference.digits import rounded, unit
from study.readme import BEGIN, END, FACTS, PICTURE, ReadmeError, block, facts, with_block
from study.table import records_sha256

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture
def written() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / FACTS).read_text())
    return read


def test_the_block_is_that_of_the_facts(written: dict[str, Any]) -> None:
    assert with_block(README, block(written)) == README
    assert README.count(BEGIN) == README.count(END) == 1
    assert PICTURE.as_posix() in README
    assert (ROOT / PICTURE).read_bytes().startswith(b"<?xml")


def test_the_facts_are_of_the_records_as_they_are(written: dict[str, Any]) -> None:
    """Where this fails the records have changed: `make readme`."""
    assert written["records_sha256"] == records_sha256(ROOT / "runs" / written["grid"])


def test_a_changed_record_changes_the_digest(tmp_path: Path, written: dict[str, Any]) -> None:
    runs = shutil.copytree(ROOT / "runs" / written["grid"], tmp_path / "runs")
    before = records_sha256(runs)
    assert before == written["records_sha256"]
    curve = sorted(runs.glob("*/curve.csv"))[0]
    curve.write_text(curve.read_text().replace("1", "2", 1))
    assert records_sha256(runs) != before


def test_the_readme_answers_from_the_study_s_own_grid(written: dict[str, Any]) -> None:
    assert written["grid"] == MAIN and "rehearsal" not in block(written)
    assert "rehearsal" in block({**written, "held_out_budgets": 0})
    assert "Of its 9 planned runs two are not recorded yet." in block({**written, "planned": 9, "recorded": 7})
    assert "not recorded yet" not in block({**written, "planned": 9, "recorded": 9})


@pytest.mark.slow
def test_a_new_fit_of_the_records_gives_the_readme_s_answer(written: dict[str, Any]) -> None:
    """Within Monte Carlo error: half a standard deviation at the ends, a quarter in the middle."""
    again = facts(load(written["grid"], ROOT / "runs"))
    for key in ("D_opt", "D_over_N", "a"):
        old, new = ([math.log(x) for x in source[key]] for source in (written, again))
        sd = (old[2] - old[0]) / (2 * 1.96)
        assert new == pytest.approx(old, abs=sd / 2)
        assert new[1] == pytest.approx(old[1], abs=sd / 4)
    assert again["estimators"] == pytest.approx(written["estimators"], rel=1e-3)
    for key in ("grid", "records_sha256", "runs_fitted", "planned", "recorded", "forms", "times_beyond_N", "foretold"):
        assert again[key] == written[key], key


@pytest.mark.slow
def test_another_seed_prints_the_same_answer_or_one_in_the_last_digit(written: dict[str, Any],
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    first = answers.asked(load(written["grid"], ROOT / "runs", nuts=False))
    monkeypatch.setattr("study.analysis.study.SEED", 1)
    second = answers.asked(load(written["grid"], ROOT / "runs", nuts=False))
    assert first.median != second.median
    for digits, *values in zip(first.digits, *([one.median, *one.ci95] for one in (first, second)), strict=True):
        low, high = sorted(rounded(value, digits) for value in values)
        assert high - low <= 1.001 * unit(high, digits)


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(ReadmeError, match="around its answer"):
        with_block("# A title\n", "text")


def test_what_it_tells_to_type_exists() -> None:
    typed = re.findall(r"\.venv/bin/study (\w[\w-]*)", README) + re.findall(r"`study (\w[\w-]*)", README)
    assert set(typed) <= set(COMMANDS)
    assert {"fit", "run", "status", "verify", "render"} <= set(typed)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([\w-]+)", README)) <= set(targets)


def test_the_paths_it_names_exist() -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    first = [re.findall(r"`([^`]+)`", row) for row in rows]
    for names in first:
        for name in names:
            assert (ROOT / name).exists() or (ROOT / "study" / name).exists(), name
