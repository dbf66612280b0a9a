"""The parts of a kit: streams, packing, archives, what a run that fails costs the others, and the command."""

import json
import lzma
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from study.cli import app
from study.config import RunConfig
from study.cost import all_flops
from study.data.sizes import CORPUS_SHA256
from study.errors import Interrupted
from study.grids.design import Cell, Grid
from study.kit import there
from study.kit.archive import read_archive, unpack, write_archive
from study.kit.pack import pack
from study.kit.speed import seconds_of, step_flops
from study.kit.streams import KitError, compress, expand
from study.kit.there import Kit
from study.record import RunRecord, read_runs, write_record
from tests.kit.planted import CONFIG, LESS, forged, tokens
from tests.makers import record


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit") / "gpu-mini"
    pack([LESS], folder, tokens, runs=folder.parent / "runs")
    return folder


def test_a_run_s_time_is_told_from_the_shapes_measured_and_those_beside_it() -> None:
    def run(width: int) -> RunConfig:
        return replace(CONFIG, width=width, curve_points=1, curve_tokens=64, eval_tokens=64)

    speed = {"alone": [{"step_flops": step_flops(run(16)), "flops_per_second": 1e9},
                       {"step_flops": step_flops(run(64)), "flops_per_second": 4e9}],
             "together": [{"at_once": 1, "flops_per_second": 2e9}, {"at_once": 4, "flops_per_second": 4e9}]}
    assert seconds_of(run(16), speed, 1) == pytest.approx(all_flops(run(16)) / 1e9)
    assert seconds_of(run(64), speed, 4) == pytest.approx(2 * all_flops(run(64)) / 4e9)  # a quarter of twice the rate
    assert 1e9 < all_flops(run(32)) / seconds_of(run(32), speed, 1) < 4e9


@pytest.mark.parametrize("dtype", ["<u2", "u1"])
def test_streams_survive_the_way(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.kit.streams.CHUNK", 1000)
    stream = np.random.default_rng(0).integers(0, 200, 3500).astype(dtype)
    packed = compress(stream, tmp_path / "x.xz", dtype)
    assert len(packed.sizes) == 4 and np.array_equal(expand(tmp_path, packed), stream)
    (tmp_path / "x.xz").write_bytes(lzma.compress(b"others"))
    with pytest.raises(KitError, match="pack the kit again"):
        expand(tmp_path, packed)


def test_what_is_recorded_is_not_packed_again(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for cell in LESS.cells[:2]:
        write_record(runs / "gpu-mini" / cell.config.run_id, record(cell.config))
    body = pack([LESS], tmp_path / "kit", tokens, runs=runs)
    assert [cell["config"]["seed"] for cell in body["cells"]] == [1]
    write_record(runs / "gpu-mini" / LESS.cells[2].config.run_id, record(LESS.cells[2].config))
    with pytest.raises(KitError, match="nothing to pack"):
        pack([LESS], tmp_path / "other", tokens, runs=runs)


def test_a_kit_too_large_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"MiB, more than 0\.1"):
        pack([LESS], tmp_path / "kit", tokens, runs=tmp_path, limit=100_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x/record.json", "gpu-mini/../record.json", "/etc/record.json", "gpu-mini/r/other.py"])
def test_an_archive_with_other_names_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="which no kit writes"):
        read_archive(forged(tmp_path / "a.tar.gz", {name: b"{}"}))


def test_a_flipped_byte_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    write_archive(path, tmp_path, {"cells": []}, {"said": np.random.default_rng(0).bytes(20_000).hex()})
    assert set(read_archive(path)) == {"kit.json", "log.json"}
    whole = path.read_bytes()
    for at in range(50, len(whole) - 50, 997):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
        with pytest.raises(KitError) as error:
            read_archive(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("cell", [Cell(CONFIG, "parts", "tuning"), Cell(replace(CONFIG, ood_corpus="sotu"), "isoflop")])
def test_a_run_that_measures_more_than_a_kit_can_is_not_packed(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="train it with `study run`"):
        pack([Grid("parts", "python-dedup", (cell,))], tmp_path / "kit", tokens, runs=tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_cannot_be_written_is_one_line(kit: Path, tmp_path: Path) -> None:
    body = json.loads((kit / "kit.json").read_text())
    at_work = Kit(body, {}, torch.device("cpu"), tmp_path / "absent" / "records.tar.gz", tmp_path, 0.0, 0.0)
    with pytest.raises(KitError, match="cannot write"):
        at_work.save()


def test_nothing_is_trained_on_a_device_that_does_not_agree(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.loads((kit / "kit.json").read_text())
    checks = {name: {"difference": 0.5, "tolerance": 1e-3, "passed": name != "cpu"} for name in ("cpu", "bfloat16")}
    monkeypatch.setattr(there, "agreement", lambda *_, **__: checks)
    at_work = Kit(body, {}, torch.device("cpu"), tmp_path / "records.tar.gz", tmp_path, 0.0, 0.0)
    with pytest.raises(KitError, match="the check of cpu failed"):
        there._prepare(at_work, [], 1)


def test_what_still_compiles_is_killed_where_the_kit_cannot_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    held: list[subprocess.Popen[bytes]] = []
    with suppress(KitError), there._warming(tmp_path, tmp_path, torch.device("cpu"), 2, tmp_path) as warming:
        held += warming
        raise KitError("stopped")
    assert len(held) == 2 and all(process.wait() != 0 for process in held)


def test_a_run_is_done_though_the_archive_cannot_be_written_after_it(kit: Path, tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.loads((kit / "kit.json").read_text())
    monkeypatch.setattr(there, "seconds_of", lambda *_: 0.0)
    monkeypatch.setattr(there, "train", lambda config, *_, **__: record(config, 3.0))
    tasks = dict.fromkeys(body["corpora"])
    at_work = Kit(body, tasks, torch.device("cpu"), tmp_path / "absent" / "records.tar.gz",  # type: ignore[arg-type]
                  tmp_path, time.monotonic() + 60, time.monotonic())
    there._train_all(at_work, 1)
    assert {state["state"] for state in at_work.states.values()} == {"done"}
    assert len(list(tmp_path.rglob("record.json"))) == len(body["cells"])


def test_what_is_done_is_kept_where_others_fail_or_are_stopped(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(config: RunConfig, *_: object, **__: object) -> RunRecord:
        if config == LESS.cells[1].config:
            raise RuntimeError("out of memory")
        if config == LESS.cells[2].config:
            raise Interrupted("at step 3 of 80")
        return record(config, 3.0)

    def prepared(at_work: Kit, *_: object) -> None:
        at_work.speed["chosen"] = 1

    monkeypatch.setattr(there, "train", trained)
    monkeypatch.setattr(there, "_prepare", prepared)
    monkeypatch.setattr(there, "seconds_of", lambda *_: 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # set there; given back by this
    switch, threads = sys.getswitchinterval(), torch.get_num_threads()
    try:
        assert there.main(kit, ["--out", str(tmp_path / "out"), "--device", "cpu"]) == 1
    finally:
        sys.setswitchinterval(switch)
        torch.set_num_threads(threads)
    log = json.loads(read_archive(tmp_path / "out" / "records.tar.gz")["log.json"])
    ids = [f"{LESS.name}/{cell.config.run_id}" for cell in LESS.cells]
    assert [log["runs"][run_id]["state"] for run_id in ids] == ["done", "failed", "stopped"]
    assert log["runs"][ids[1]]["why"] == "RuntimeError: out of memory"
    assert not list(tmp_path.glob("kit-*"))  # the records are in the archive, and nowhere else
    found = unpack(tmp_path / "out" / "records.tar.gz", kit, tmp_path / "runs", known={"python-dedup": "abc"})
    assert [one.run_id for one in found] == [LESS.cells[0].config.run_id]


def test_the_command_packs_committed_code_alone_and_brings_an_archive_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kit_command(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["kit", *map(str, arguments), "--runs", str(tmp_path / "runs")])

    monkeypatch.setattr("study.grids.grid", lambda _: LESS)
    monkeypatch.setattr("study.data.tokens.prepare", lambda name, **_: tokens(name))
    monkeypatch.setattr("study.provenance.git_state", lambda: ("c0ffee", True))
    dirty = kit_command("pack", "--folder", tmp_path / "kit")
    assert isinstance(dirty.exception, KitError) and "commit them" in str(dirty.exception) and not (tmp_path / "kit").exists()
    monkeypatch.setattr("study.provenance.git_state", lambda: ("c0ffee", False))
    packed = kit_command("pack", "--folder", tmp_path / "kit")
    assert packed.exit_code == 0 and "3 runs" in packed.output and "50,000 train tokens" in packed.output, packed.output
    assert (tmp_path / "kit" / "run.py").exists()
    trained, archive = record(LESS.cells[0].config), tmp_path / "records.tar.gz"
    write_record(tmp_path / "work" / "gpu-mini" / trained.run_id, trained)
    write_archive(archive, tmp_path / "work", json.loads((tmp_path / "kit" / "kit.json").read_text()), {})
    others = kit_command("unpack", archive, "--folder", tmp_path / "kit")
    assert isinstance(others.exception, KitError) and "another python-dedup" in str(others.exception)
    monkeypatch.setitem(CORPUS_SHA256, "python-dedup", trained.provenance.corpus_sha256)
    unpacked = kit_command("unpack", archive, "--folder", tmp_path / "kit")
    assert unpacked.exit_code == 0 and "1 new records" in unpacked.output, unpacked.output
    assert [one.run_id for one in read_runs(tmp_path / "runs" / "gpu-mini")] == [trained.run_id]
