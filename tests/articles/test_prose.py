"""Sentences stand in the articles: code holds numbers, words and short clauses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "study" / "articles").rglob("*.py"))
MOST = 12  # words of a string


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every string but docstrings and errors; an f-string without its values, and a sum of strings as one."""
    documented = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
                  and node.body and isinstance(node.body[0], ast.Expr)}
    inside = {id(one) for node in ast.walk(tree) if isinstance(node, ast.Raise) for one in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in inside or id(node) in documented:
            continue
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)):
            parts = [one for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            inside |= {id(one) for one in ast.walk(node)}
            yield node.lineno, " ".join(str(one.value) for one in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def words(text: str) -> int:
    return len(re.findall(r"[^\W\d_]{2,}", text))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT / "study" / "articles").as_posix())
def test_no_string_is_a_sentence_of_more_than_twelve_words(path: Path) -> None:
    long = [(line, text) for line, text in strings(ast.parse(path.read_text())) if words(text) > MOST]
    assert long == []


def test_the_scan_sees_sentences_however_they_are_put_together() -> None:
    twelve = "one two three four five six seven eight nine ten eleven twelve"
    for code in (f'x = "{twelve} thirteen"', f'x = f"{twelve} {{y}} thirteen"', f'x = "{twelve}" + " thirteen"',
                 f'x = ("{twelve}"\n " thirteen")'):
        assert [words(text) for _, text in strings(ast.parse(code))] == [13]
    assert [words(text) for _, text in strings(ast.parse(f'def f():\n    """{twelve} thirteen"""\n    return "{twelve}"'))] == [12]


def test_analysis_draws_nothing_and_articles_import_one_way() -> None:
    def imports(path: Path) -> set[str]:
        tree = ast.parse(path.read_text())
        return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module} | {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    analysis = sorted((ROOT / "study" / "analysis").glob("*.py"))
    assert len(analysis) > 10
    assert not [path.name for path in analysis for name in imports(path)
                if name.split(".")[0] == "matplotlib" or name.startswith(("study.articles", "study.render", "study.commands"))]
    assert not [path.name for path in (ROOT / "study" / "articles" / "shared").glob("*.py") for name in imports(path)
                if re.match(r"study\.articles\.(?!shared)", name)]
