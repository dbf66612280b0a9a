"""A changed record changes the rendered page: no number on it comes from anywhere else."""

import html
import re
from pathlib import Path

import pytest

from study.analysis.study import Study, load
from study.articles.main import answer
from study.articles.shared.text import markdown
from tests.conftest import Rendered

ROOT = Path(__file__).resolve().parent.parent


def text_of(page: str) -> str:
    """A page as its reader sees it: no scripts, styles, code or tags, white space of any kind as one space."""
    page = re.sub(r"<(script|style|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def values(study: Study) -> dict[str, str]:
    """What the article says of the headline."""
    found = {function.__name__: function(study) for function in (answer.tokens, answer.tokens_95, answer.ratio, answer.a)}
    return {name: " ".join(markdown(text).data.split()) for name, text in found.items()}


@pytest.mark.slow
def test_one_changed_record_changes_the_page(changed: Rendered, refitted: Study) -> None:
    before, after = values(load("quick", ROOT / "runs")), values(refitted)
    assert all(before[name] != after[name] for name in before)
    said = text_of(changed.page.read_text().partition('id="sec-answer"')[2].partition('id="sec-test"')[0])
    for name in before:
        assert after[name] in said, name
    assert before["tokens_95"] not in said
