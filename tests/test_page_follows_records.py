"""A changed record changes the rendered page: no number on it comes from anywhere else."""

import html
import re
from pathlib import Path

import pytest

from study.figures.analysis import load
from study.figures.values import Value, Values
from tests.conftest import Rendered

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("answer.", "runs.")


def text_of(page: str) -> str:
    """A page as its reader sees it: no scripts, styles, code or tags, white space of any kind as one space."""
    page = re.sub(r"<(script|style|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def values(runs: Path) -> dict[str, Value]:
    """The page's own values of the headline and of the runs, as `report/` prints them."""
    every, prose = Values(load("quick", runs)), "".join(path.read_text() for path in (ROOT / "report").glob("index*/**/*.qmd"))
    names = set(re.findall(r'v\("([\w.]+)"\)', prose))
    return {name: every[name] for name in names if name.startswith(GROUPS)}


@pytest.mark.slow
def test_one_changed_record_changes_the_page(changed: Rendered) -> None:
    before, after = values(ROOT / "runs"), values(changed.runs)
    moved = {name for name in before if before[name].text != after[name].text}
    assert {"answer.tokens", "answer.tokens_95", "answer.a"} <= moved
    assert not any(not before[name].depends_on_loss for name in moved)

    abstract = text_of(changed.page.read_text().partition('id="abstract"')[2].partition('id="sec-question"')[0])
    plain = [name for name in ("answer.tokens", "answer.ratio", "answer.a") if "$" not in before[name].text + after[name].text]
    assert "answer.a" in plain
    for name in plain:
        assert " ".join(after[name].text.split()) in abstract, name
    assert " ".join(before["answer.a_95"].text.split()) not in abstract
    assert " ".join(after["answer.a_95"].text.split()) in abstract
