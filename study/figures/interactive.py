"""The answer to any budget or size: posterior draws embedded in the page, a few lines of JavaScript, no request."""

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from study.figures import text
from study.figures.analysis import CHINCHILLA_C, TARGET_N, Analysis

if TYPE_CHECKING:
    from IPython.display import Markdown

DRAWS = 400


def payload(study: Analysis) -> dict[str, object]:
    """What the page embeds: per draw ln G, a, E, ln A, ln B, alpha, beta; and what the runs covered."""
    draws = study.posterior.draws
    size = len(draws.alpha)
    ranks = ((np.arange(min(DRAWS, size)) + 0.5) * size / min(DRAWS, size)).astype(int)
    pick = np.argsort(draws.D_opt_at(TARGET_N))[ranks]  # evenly through the answer: its intervals are then those of the page
    columns = {
        "lnG": draws.log_G,
        "a": draws.a,
        "E": draws.E,
        "lnA": np.log(draws.A),
        "lnB": np.log(draws.B),
        "alpha": draws.alpha,
        "beta": draws.beta,
    }
    return {
        "draws": {name: [float(f"{value:.6g}") for value in np.asarray(values)[pick]] for name, values in columns.items()},
        "bytesPerToken": round(study.bytes_per_token, 4),
        "largestC": study.largest_C,
        "largestN": study.largest_N,
        "start": {"N": TARGET_N, "C": CHINCHILLA_C},
    }


def html(study: Analysis) -> None:
    """Print the raw HTML block. The cell has `output: asis`; the PDF leaves it out."""
    script = (files("study") / "figures" / "interactive.js").read_text(encoding="utf-8")
    data = json.dumps(payload(study), separators=(",", ":"))
    print(
        f'```{{=html}}\n{MARKUP}\n<script type="application/json" id="answer-data">{data}</script>\n'
        f"<script>\n{script}</script>\n```\n"
    )


def table(study: Analysis) -> "Markdown":
    """What a reader of the PDF gets in its place."""
    draws, rows = study.posterior.draws, []
    for C in (1e18, 1e20, 1e22, CHINCHILLA_C):
        N, D = draws.N_opt(C), draws.D_opt(C)
        rows.append(
            {
                "C (FLOP)": text.power(C),
                "N_opt": text.count(float(np.median(N))),
                "N, 95 %": text.interval(*text.central(N), text.count),
                "D_opt (tokens)": text.count(float(np.median(D))),
                "D, 95 %": text.interval(*text.central(D), text.count),
            }
        )
    return text.table(rows)


MARKUP = """<section class="answer" aria-labelledby="answer-title">
<style>
.answer { border: 1px solid var(--rule, #ccc); border-radius: 8px; padding: 1rem 1.2rem; margin: 2rem 0;
  font: .88rem/1.5 var(--sans, sans-serif); }
.answer h2 { font-size: 1rem; margin: 0 0 .6rem; }
.answer fieldset { border: 0; padding: 0; margin: 0 0 .6rem; display: flex; gap: 1.2rem; flex-wrap: wrap; }
.answer legend { float: left; margin-right: 1rem; }
.answer .slide { display: flex; gap: .8rem; align-items: center; flex-wrap: wrap; }
.answer input[type=range] { flex: 1; min-width: 12rem; accent-color: var(--accent, #0b57a4); }
.answer input[type=text] { width: 8rem; font: inherit; padding: .15rem .4rem; }
.answer table { margin: .8rem 0 .4rem; width: 100%; }
.answer svg { width: 100%; height: auto; display: block; }
.answer .said { color: var(--muted, #555); margin: .4rem 0 0; }
</style>
<h2 id="answer-title">Ask for another size or budget</h2>
<fieldset><legend>Given</legend>
<label><input type="radio" name="answer-mode" value="N" checked> parameters N</label>
<label><input type="radio" name="answer-mode" value="C"> compute C</label></fieldset>
<div class="slide"><label for="answer-range">value</label><input id="answer-range" type="range" min="0" max="1000" step="1">
<input id="answer-text" type="text" inputmode="decimal" aria-label="value as a number, such as 1e9"></div>
<div id="answer-out" aria-live="polite"></div>
<noscript>This part needs JavaScript; the tables of the chapter on the answer hold the same numbers.</noscript>
</section>"""
