"""The answer in the page: the numbers it embeds give the same answers, and nothing is asked of a network."""

import json
import re
from importlib.resources import files

import numpy as np
import pytest

from study.figures import interactive
from study.figures.analysis import CHINCHILLA_C, TARGET_N, Analysis


def test_the_embedded_draws_give_the_posteriors_answer(quick: Analysis, capsys: pytest.CaptureFixture[str]) -> None:
    interactive.html(quick)
    printed = capsys.readouterr().out
    assert printed.startswith("```{=html}\n") and printed.rstrip().endswith("```")
    data = json.loads(re.search(r'id="answer-data">(.*?)</script>', printed, re.S)[1])  # type: ignore[index]
    d = {name: np.array(values) for name, values in data["draws"].items()}
    assert {len(values) for values in d.values()} == {interactive.DRAWS}
    tokens = np.exp((1 - d["a"]) / d["a"] * (np.log(TARGET_N) - d["lnG"]) - d["lnG"])  # as interactive.js does
    all_tokens = quick.posterior.draws.D_opt_at(TARGET_N)
    for q in (0.025, 0.25, 0.5, 0.75, 0.975):  # to a tenth of the interval's own width, and all but exactly inside
        assert np.quantile(np.log(tokens), q) == pytest.approx(np.quantile(np.log(all_tokens), q), abs=0.1)
    sizes = np.exp(d["lnG"] + d["a"] * np.log(CHINCHILLA_C / 6))
    assert abs(np.median(np.log(sizes)) - np.median(np.log(quick.posterior.draws.N_opt(CHINCHILLA_C)))) < 0.3


def test_the_script_asks_nothing_of_a_network() -> None:
    script = (files("study") / "figures" / "interactive.js").read_text()
    assert not re.search(r"fetch|XMLHttp|import|https?:|WebSocket|sendBeacon", script)


def test_the_controls_have_labels() -> None:
    for control in re.findall(r"<input[^>]*>", interactive.MARKUP):
        name = re.search(r'id="([^"]+)"', control)
        labelled = name and f'for="{name[1]}"' in interactive.MARKUP
        assert labelled or "aria-label" in control or f"<label>{control}" in interactive.MARKUP, control
