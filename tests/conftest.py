"""The slow tests run last: `make test-all` begins with all of `make test`."""

import os
import shutil

import pytest

collect_ignore = [] if shutil.which("chromedriver") or os.environ.get("STUDY_BROWSER") else ["test_browser.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
