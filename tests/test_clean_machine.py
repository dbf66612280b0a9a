"""The suite on a machine that reaches no host: what needs a published table is skipped and says so, and nothing fails."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT, UNROUTABLE


def run(home: Path, *arguments: str) -> list[ElementTree.Element]:
    """The test cases of a pytest run without network, without STUDY_PUBLISHED, in an empty home; none fails."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), UNROUTABLE)
    kept = {name: value for name, value in os.environ.items() if name not in ("STUDY_PUBLISHED", "no_proxy", "NO_PROXY")}
    environment = kept | proxies | {name.upper(): value for name, value in proxies.items()}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "STUDY_CACHE": str(home / "study")}
    report = home / "report.xml"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments],
                          cwd=ROOT, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-5000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert cases
    return cases


def reasons(cases: list[ElementTree.Element]) -> list[str]:
    return [skip.attrib["message"] for case in cases for skip in case.iter("skipped")]


def test_tables_reach_tests_through_the_fixture_alone() -> None:
    loads = re.compile(r"from study\.published import .*\bload\b|published\.load\(")
    tests = ROOT / "tests"
    found = {path.relative_to(tests).as_posix() for path in tests.rglob("*.py") if loads.search(path.read_text())}
    assert found == {"conftest.py", "published/test_fetch.py", "test_rooms.py"}, "the last writes its own"


@pytest.mark.slow
def test_what_needs_a_table_is_skipped_with_the_host_or_the_folder(tmp_path: Path) -> None:
    cases = run(tmp_path, "-m", "published", "tests")
    said = reasons(cases)
    assert len(said) == len(cases)
    assert all("\n" not in line and ("raw.githubusercontent.com cannot be reached" in line or
                                     "set STUDY_PUBLISHED to a folder that holds " in line) for line in said)


@pytest.mark.slow
def test_what_reads_no_table_passes(tmp_path: Path) -> None:
    cases = run(tmp_path, "-m", "not slow and not published", "tests/published",
                "tests/analysis/test_published_fits.py", "tests/data")
    without_engine = [said for said in reasons(cases) if not said.startswith("GNU Go is not installed")]
    assert without_engine == [] and len(cases) > 60
