"""A kit end to end, on a CPU and a hundredth of the text: pack, run with nothing but torch and NumPy, archive, unpack."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import torch

from study.kit.archive import read_archive, unpack, write_archive
from study.kit.pack import bytes_of, pack
from study.kit.streams import KitError
from study.record import RecordError, read_record, read_runs, write_record
from study.training.language import language
from study.training.loop import train
from tests.kit.planted import CELLS, CONFIG, GRID, SHA, forged, tokens
from tests.makers import record

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
    (first,) = (one for one in records if one.config == CELLS[0].config)
    torch.set_num_threads(1)  # as there
    ours = train(CELLS[0].config, language(tokens()), torch.device("cpu"))
    assert first.losses["validation"].nats_per_token == pytest.approx(ours.losses["validation"].nats_per_token, rel=1e-4)
    assert [point.step for point in first.curve] == [point.step for point in ours.curve]
    assert (first.parameters, first.flops_exact, first.flops_6nd) == (ours.parameters, ours.flops_exact, ours.flops_6nd)
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
