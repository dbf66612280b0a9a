"""The answer in the page: the numbers it embeds give the same answers, and nothing is asked of a network."""

import base64
import json
import re
from dataclasses import astuple
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from study.analysis.answers import posteriors
from study.analysis.study import CHINCHILLA_C, Study
from study.articles.main import interactive
from study.inference.answers import summarise
from study.inference.spec import HEADLINE
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface
from study.laws.published import published_law

MARKUP = (files("study") / "articles" / "main" / "interactive.html").read_text()


@pytest.fixture(scope="module")
def embedded(quick: Study) -> dict[str, Any]:
    return json.loads(json.dumps(interactive.payload(quick)))


def surface(convention: dict[str, Any]) -> LossSurface:
    """What interactive.js makes of the embedded bytes."""
    raw = np.frombuffer(base64.b64decode(convention["draws"]), "<f4").astype(float).reshape(5, convention["size"])
    return LossSurface(E=raw[0], A=np.exp(raw[1]), B=np.exp(raw[2]), alpha=raw[3], beta=raw[4])


def test_the_block_is_raw_html_with_its_data(quick: Study, embedded: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    interactive.html(quick)
    printed = capsys.readouterr().out
    assert printed.startswith("```{=html}\n") and printed.rstrip().endswith("```")
    assert json.loads(re.search(r'id="answer-data">(.*?)</script>', printed, re.S)[1]) == embedded  # type: ignore[index]


def test_draws_of_every_convention_are_embedded(quick: Study, embedded: dict[str, Any]) -> None:
    first, *others = embedded["conventions"]
    assert first["key"] == HEADLINE.n_convention and {one["key"] for one in others} == {"non_embedding", "total"}
    for one in (first, *others):
        posterior, found = posteriors(quick)[one["key"]], surface(one)
        exact = LossSurface(*(np.asarray(x)[interactive.spread(posterior)] for x in astuple(posterior.draws)))
        assert one["size"] == len(exact.alpha) == interactive.SHOWN < len(posterior.parameters)
        assert one["effective"] == posterior.diagnostics.effective > 1000
        np.testing.assert_allclose(found.D_opt_at(TARGET_N), exact.D_opt_at(TARGET_N), rtol=1e-4)
        np.testing.assert_allclose(found.N_opt(CHINCHILLA_C), exact.N_opt(CHINCHILLA_C), rtol=1e-4)
        np.testing.assert_allclose(found.loss(1e9, 2e10), exact.loss(1e9, 2e10), rtol=1e-5)
        all_of, shown = (summarise(np.asarray(law.D_opt_at(TARGET_N))) for law in (posterior.draws, found))
        assert [shown.median, *shown.ci95] == pytest.approx([all_of.median, *all_of.ci95], rel=0.1)
    answers = {key: np.median(posterior.draws.D_opt_at(TARGET_N)) for key, posterior in posteriors(quick).items()}
    assert len(set(answers.values())) == len(answers)


def test_the_embedded_laws_are_the_published_ones(embedded: dict[str, Any]) -> None:
    assert len(embedded["laws"]) == len(interactive.LAWS)
    for key, law in zip(interactive.LAWS, embedded["laws"], strict=True):
        a, b = law["a"], 1 - law["a"]
        exact = published_law(key)
        assert np.exp(b / a * (np.log(TARGET_N) - law["lnG"]) - law["lnG"]) == pytest.approx(float(exact.law.D_opt_at(TARGET_N)))
        assert np.exp(law["lnG"] + a * np.log(CHINCHILLA_C / 6)) == pytest.approx(float(exact.law.N_opt(CHINCHILLA_C)))
        assert law["counts"] == exact.counts and law["label"] == exact.label


def test_the_script_asks_nothing_of_a_network() -> None:
    script = (files("study") / "articles" / "main" / "interactive.js").read_text()
    assert not re.search(r"fetch|XMLHttp|import|https?:|WebSocket|sendBeacon", script)


def test_the_controls_have_labels() -> None:
    controls = re.findall(r"<input[^>]*>", MARKUP)
    assert len(controls) == 4
    for control in controls:
        name = re.search(r'id="([^"]+)"', control)
        labelled = name and f'for="{name[1]}"' in MARKUP
        assert labelled or "aria-label" in control or f"<label>{control}" in MARKUP, control
