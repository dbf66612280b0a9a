"""One analysis of the committed quick grid for all tests of the page, every posterior by importance sampling."""

from pathlib import Path

import pytest

from study.figures.analysis import Analysis, load

RUNS = Path(__file__).resolve().parents[2] / "runs"


@pytest.fixture(scope="session")
def quick() -> Analysis:
    return load("quick", RUNS, nuts=False)
