"""Without the extra `train` a table is fitted and a grid's records are read; what trains says what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from study.extras import EXTRA_OF

CODE = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, *rest):
        return None if name in {absent} else super().find_spec(name, *rest)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from study.cli import main
sys.argv = ["study", *{arguments}]
main()
"""
TRAINING = sorted(name for name, extra in EXTRA_OF.items() if extra == "train")
ROOT = Path(__file__).resolve().parent.parent


def study(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = CODE.format(absent=TRAINING, arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_records_are_read_and_fitted(tmp_path: Path) -> None:
    done = study("status", "--grid", "quick")
    assert done.returncode == 0 and "14" in done.stdout, done.stderr
    done = study("fit", "--grid", "quick", "--out", str(tmp_path / "fit"))
    assert done.returncode == 0 and (tmp_path / "fit" / "fit.json").exists(), done.stderr


@pytest.mark.parametrize("arguments", [("run", "--grid", "smoke"), ("corpus", "sotu"), ("bench", "train"), ("gpu-check",)])
def test_what_trains_names_the_extra(arguments: tuple[str, ...], tmp_path: Path) -> None:
    written = ("--runs", str(tmp_path / "runs")) if arguments[0] == "run" else ()
    done = study(*arguments, *written)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1 and "which is not installed: python3 -m pip install '.[train]'" in done.stderr
    assert list(tmp_path.rglob("*")) == []
