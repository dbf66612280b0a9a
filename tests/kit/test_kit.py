"""A kit end to end, on a CPU and a hundredth of the text: pack, run with nothing but torch and NumPy, archive, unpack."""

import io
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from study.config import RunConfig
from study.cost import all_flops
from study.data.stream import TokenSet
from study.grids.design import Cell, Grid
from study.kit import there
from study.kit.archive import read_archive, unpack, write_archive
from study.kit.pack import bytes_of, pack
from study.kit.speed import seconds_of, step_flops
from study.kit.streams import KitError, compress, expand
from study.kit.there import Kit
from study.record import RecordError, read_record, read_runs, write_record
from study.verify import verify
from tests.makers import record, token_stream

SHA = "0123abcd"
CONFIG = RunConfig(corpus="python-dedup", vocabulary=64, width=16, layers=1, heads=1, tokens=40_960, batch_tokens=512,
                   learning_rate=0.02, context=64, eval_tokens=8192, curve_tokens=1024, curve_points=4, token_shift=True,
                   optimiser="muon", unique_tokens=1_100_000)
CELLS = [Cell(CONFIG, "isoflop", "fit", 1e15), Cell(replace(CONFIG, width=32, layers=2), "isoflop", "held-out", 3e15),
         Cell(replace(CONFIG, width=24, seed=1), "isoflop", "fit", 1e15)]
GRID = Grid("gpu-mini", "python-dedup", tuple(CELLS))
LESS = Grid("gpu-mini", "python-dedup", tuple(replace(cell, config=replace(cell.config, unique_tokens=50_000)) for cell in CELLS))

BARE = "import runpy, sys; sys.path.append(sys.argv[1]); sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"


def needs(package: str, seen: set[str]) -> set[str]:
    """A package and all it needs, by name."""
    seen.add(package)
    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires(package) or []:
            other = re.match(r"[A-Za-z0-9_.-]+", line)[0]  # type: ignore[index]
            if "extra ==" not in line and other not in seen:
                needs(other, seen)
    return seen


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site-packages with NumPy, torch and what torch needs, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    for package in needs("torch", {"numpy"}):
        with suppress(metadata.PackageNotFoundError):
            for file in metadata.files(package) or []:
                link = folder / file.parts[0]
                if file.parts[0] != ".." and "__pycache__" not in file.parts and not link.exists():
                    link.symlink_to(Path(str(metadata.distribution(package).locate_file(file.parts[0]))))
    assert (folder / "torch").exists() and (folder / "numpy").exists() and not (folder / "pandas").exists()
    return folder


def tokens(name: str = "python-dedup") -> TokenSet:
    train, held = token_stream(1_200_000, 63, 0), token_stream(30_000, 63, 1)
    groups = [(np.arange(size) // 4096 % 128).astype(np.uint8) for size in (100_000, 30_000)]
    return TokenSet(name, Path(), 64, 2.5, 2.4, SHA, train, held, *groups)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit") / "gpu-mini"
    pack([GRID], folder, tokens, runs=folder.parent / "runs")
    return folder


def run(site: Path, kit: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-ISc", BARE, str(site), str(kit / "run.py"), "--out", str(out), "--device", "cpu", *options]
    return subprocess.run(command, cwd=out.parent, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def archive(site: Path, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("there") / "out"
    done = run(site, kit, out, "--minutes", "9")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in out.iterdir()] == ["records.tar.gz"]
    return out / "records.tar.gz"


def test_a_kit_sends_what_its_runs_read(kit: Path) -> None:
    body = json.loads((kit / "kit.json").read_text())
    assert [cell["config"] for cell in body["cells"]] == [cell.config.to_dict() for cell in CELLS]
    streams = body["corpora"]["python-dedup"]["streams"]
    assert (streams["train"]["count"], streams["validation"]["count"]) == (1_100_000, 8193)
    assert bytes_of(kit) < 4 * 2**20 and not [path for path in kit.rglob("*") if "pycache" in str(path)]


def test_its_records_come_back_and_are_those_of_the_study(kit: Path, archive: Path, tmp_path: Path) -> None:
    found = unpack(archive, kit, tmp_path / "runs", known={"python-dedup": SHA})
    assert {one.run_id for one in found} == {cell.config.run_id for cell in CELLS}
    records = read_runs(tmp_path / "runs" / "gpu-mini")
    commit = json.loads((kit / "kit.json").read_text())["git_commit"]
    for one in records:
        assert one.status == "complete" and one.curve[-1].step == one.config.steps
        assert one.losses["validation"].nats_per_token < 1.2 and one.losses["validation"].tokens == 8192
        assert one.provenance.git_commit == commit and one.provenance.corpus_sha256 == SHA
    assert verify(records, records).passed
    assert unpack(archive, kit, tmp_path / "runs", known={"python-dedup": SHA}) == []  # again: they are there


def test_there_it_measures_before_it_trains(archive: Path) -> None:
    log = json.loads(read_archive(archive)["log.json"])
    assert {row["width"] for row in log["speed"]["alone"]} == {16, 24, 32}
    assert [row["at_once"] for row in log["speed"]["together"]] == [1, 2, 4] and log["speed"]["chosen"] in (1, 2, 4)
    assert all(0 < row["mfu"] < 1 for row in log["speed"]["alone"] + log["speed"]["together"])
    assert log["speed"]["checks"]["cpu"]["passed"] and {run["state"] for run in log["runs"].values()} == {"done"}


def test_when_time_ends_what_is_done_is_kept_and_the_rest_is_named(site: Path, kit: Path, tmp_path: Path) -> None:
    done = run(site, kit, tmp_path / "out", "--minutes", "0.26", "--at-once", "1")  # less than is needed to prepare
    assert done.returncode == 75, done.stdout + done.stderr
    members = read_archive(tmp_path / "out" / "records.tar.gz")
    assert {run["state"] for run in json.loads(members["log.json"])["runs"].values()} == {"no time"}
    assert unpack(tmp_path / "out" / "records.tar.gz", kit, tmp_path / "runs", known={"python-dedup": SHA}) == []


def test_a_damaged_stream_is_refused_there(site: Path, kit: Path, tmp_path: Path) -> None:
    shutil.copytree(kit, tmp_path / "kit")
    path = tmp_path / "kit" / "python-dedup.train.xz"
    path.write_bytes(path.read_bytes()[:-100])
    done = run(site, tmp_path / "kit", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.strip().endswith("pack the kit again") and done.stderr.count("\n") == 1


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


def forged(path: Path, members: dict[str, bytes], **entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, body in members.items():
            entry = entries.get("link") or tarfile.TarInfo(name)
            entry.name, entry.size = name, len(body)
            tar.addfile(entry, io.BytesIO(body))
    return path


@pytest.mark.parametrize("name", ["../x/record.json", "gpu-mini/../record.json", "/etc/record.json", "gpu-mini/r/other.py"])
def test_an_archive_with_other_names_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="which no kit writes"):
        read_archive(forged(tmp_path / "a.tar.gz", {name: b"{}"}))


def test_links_and_changed_members_are_refused(archive: Path, tmp_path: Path) -> None:
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(KitError, match="which no kit writes"):
        read_archive(forged(tmp_path / "a.tar.gz", {"log.json": b""}, link=link))
    with tarfile.open(archive) as tar:
        members = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    changed = {name: body.replace(b"complete", b"diverged") for name, body in members.items()}
    with pytest.raises(KitError, match="changed on its way"):
        read_archive(forged(tmp_path / "b.tar.gz", changed))
    (tmp_path / "c.tar.gz").write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(KitError, match="not a whole archive"):
        read_archive(tmp_path / "c.tar.gz")


def test_a_flipped_byte_is_one_line(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "a.tar.gz"
    whole = forged(path, {name: rng.bytes(9000).hex().encode() for name in ("kit.json", "log.json", "manifest.json")}).read_bytes()
    for at in range(50, len(whole) - 50, 997):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
        with pytest.raises(KitError):
            read_archive(path)


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
    body, warming = json.loads((kit / "kit.json").read_text()), subprocess.Popen(["sleep", "60"])
    checks = {name: {"difference": 0.5, "tolerance": 1e-3, "passed": name != "cpu"} for name in ("cpu", "bfloat16")}
    monkeypatch.setattr(there, "agreement", lambda *_, **__: checks)
    at_work = Kit(body, {}, torch.device("cpu"), tmp_path / "records.tar.gz", tmp_path, 0.0, 0.0)
    with pytest.raises(KitError, match="the check of cpu failed"):
        there._prepare(at_work, [warming], 1)
    assert warming.wait() != 0


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


def test_records_that_were_not_asked_for_are_refused(kit: Path, archive: Path, tmp_path: Path) -> None:
    sent = json.loads((kit / "kit.json").read_text())
    with pytest.raises(KitError, match="another python-dedup"):
        unpack(archive, kit, tmp_path / "runs", known={"python-dedup": "other"})
    write_record(tmp_path / "work" / "gpu-mini" / replace(CONFIG, seed=9).run_id, record(replace(CONFIG, seed=9)))
    write_archive(tmp_path / "other.tar.gz", tmp_path / "work", sent, {})
    with pytest.raises(KitError, match="not asked for"):
        unpack(tmp_path / "other.tar.gz", kit, tmp_path / "runs", known={"python-dedup": SHA})
    write_archive(tmp_path / "foreign.tar.gz", tmp_path / "work", {**sent, "made": "then"}, {})
    with pytest.raises(KitError, match="of another kit"):
        unpack(tmp_path / "foreign.tar.gz", kit, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_another_record_of_a_run_is_not_replaced(kit: Path, archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "gpu-mini" / CELLS[0].config.run_id
    write_record(target, record(CELLS[0].config))
    with pytest.raises(RecordError, match="already holds another"):
        unpack(archive, kit, tmp_path, known={"python-dedup": SHA})
    assert read_record(target).provenance.cpu == "a cpu" and len(list((tmp_path / "gpu-mini").iterdir())) == 1
