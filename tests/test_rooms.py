"""Room for more: a grid and a published table are a module each, and every command and reader then knows them.

A law is one object (tests/inference/general/test_general.py); a section is a module, a chapter and a line (test_page.py).
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import study.published
from study import grids
from study.cli import app
from study.grids.design import Cell, Grid
from study.published import load, load_entry, published_table, tables
from study.published.fetch import PublishedError
from study.record import write_record
from study.table import fit_rows, records_of, table
from tests.makers import CONFIG, record

TABLE = '''"""A toy source."""

from study.published.entry import Entry
from study.published.fetch import File, PublishedTable, csv

_RUNS = File("someone/runs", "{commit}", "runs.csv", "{sha256}", csv)

TABLES = (PublishedTable(
    name="toy", origin=_RUNS, folder=_RUNS, licence="MIT", citation="Someone, runs", columns="N; D: tokens; loss",
    N_counts="total parameters", loss_unit="bits/token", corpus="text", vocabulary=32_000, recipe="cosine",
    entries=(Entry(name="toy", laboratory="Someone", N_convention="total", corpus="text", bytes_per_token=4.0, decayed=True,
                   tuned=True, unit="bits/token"),)),)
'''
ROWS = b"N,D,loss\n1e6,1e8,5.0\n2e6,1e8,4.5\n4e6,1e8,4.2\n"


def toy() -> Grid:
    """Three sizes of one budget, the largest held out."""
    sizes = ((16, "fit"), (24, "fit"), (32, "held-out"))
    return Grid("toy", CONFIG.corpus, tuple(Cell(replace(CONFIG, width=width), "isoflop", split, 1e9) for width, split in sizes))


def test_a_grid_is_a_function_and_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unknown = CliRunner().invoke(app, ["status", "--grid", "toy", "--runs", str(tmp_path)])
    assert unknown.exit_code != 0
    monkeypatch.setitem(grids.GRIDS, "toy", toy)
    for cell, loss in zip(toy().cells[:2], (3.0, 2.0), strict=True):
        write_record(tmp_path / "toy" / cell.config.run_id, record(cell.config, loss))
    assert fit_rows(table(toy(), records_of(toy(), tmp_path)))["loss"].tolist() == [3.0, 2.0]
    said = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["status", "--grid", "toy", "--runs", str(tmp_path)])
    assert said.exit_code == 0 and "2 of 3 runs done" in said.output
    planned = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["plan", "--grid", "toy", "--device", "h100", "--runs", str(tmp_path)])
    assert planned.exit_code == 0 and "toy" in planned.output


@pytest.fixture
def toy_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more module in the package of sources, and the folder that holds its table."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "toy.py").write_text(TABLE.format(commit="0" * 40, sha256=hashlib.sha256(ROWS).hexdigest()))
    monkeypatch.setattr(study.published, "__path__", [*study.published.__path__, str(tmp_path / "package")])
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path / "tables"))
    tables.cache_clear()
    yield
    tables.cache_clear()
    sys.modules.pop("study.published.toy", None)
    if hasattr(study.published, "toy"):
        del study.published.toy


@pytest.mark.usefixtures("toy_source")
def test_a_published_table_is_one_module(tmp_path: Path) -> None:
    assert published_table("toy").licence == "MIT"
    path = tmp_path / "tables" / published_table("toy").folder.local
    path.parent.mkdir(parents=True)
    path.write_bytes(ROWS)
    assert load("toy")["N"].tolist() == [1e6, 2e6, 4e6]
    rows: pd.DataFrame = load_entry("toy")
    assert rows["loss"].tolist() == pytest.approx([5.0 * 0.6931472, 4.5 * 0.6931472, 4.2 * 0.6931472])
    assert rows["loss_unit"].unique().tolist() == ["nats/token"]
    path.write_bytes(ROWS + b"8e6,1e8,4.0\n")
    with pytest.raises(PublishedError, match="has sha256"):
        load("toy")


def test_without_its_module_there_is_no_such_table() -> None:
    tables.cache_clear()
    with pytest.raises(PublishedError, match="unknown published table 'toy'"):
        published_table("toy")
