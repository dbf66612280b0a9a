"""`study corpus`: one clear line for bad input, a table for good."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from study.cli import app, main


def test_a_corpus_is_built_and_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "sample.parquet"
    pd.DataFrame({"text": [f"text number {i}, {'and on ' * (i % 9)}{i * i}" for i in range(900)]}).to_parquet(path)
    arguments = ["corpus", "fineweb-edu", "--parquet", str(path), "--train-tokenizer", "300", "--max-tokens", "5e3",
                 "--record", "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "train" in result.output and "bytes/token" in result.output and "13-grams" in result.output
    assert str(tmp_path / "cache") in result.output
    recorded = json.loads((tmp_path / "runs" / "corpora" / "fineweb-edu.json").read_text())
    assert recorded["counts"]["train"]["tokens"] > 0 and len(recorded["sha256"]) == 64
    assert 0 <= recorded["overlap_13gram"] <= 1


def test_an_unknown_corpus_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.argv", ["study", "corpus", "soto"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "unknown corpus 'soto': one of sotu, python-source" in capsys.readouterr().err


def test_help_has_an_example():
    assert "study corpus python-source" in CliRunner().invoke(app, ["corpus", "--help"]).output
