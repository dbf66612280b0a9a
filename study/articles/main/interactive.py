"""The answer to any budget or size: posterior draws embedded in the page, a few lines of JavaScript, no request."""

import base64
import json
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analysis.answers import posteriors
from study.analysis.study import CHINCHILLA_C, Study
from study.inference.posterior import Posterior
from study.laws.errata import TARGET_N
from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN
from study.laws.published import published_law

CONVENTIONS = {  # what N counts, for a reader
    "multiplying": "all but the embedding",
    "non_embedding": "neither embedding nor unembedding",
    "total": "everything",
}
SHOWN = 4000  # draws that the page carries
LAWS = ("kaplan", "hoffmann-1", "hoffmann", "besiroglu", "datablations", "porian-5", "deepseek")


def payload(study: Study) -> dict[str, Any]:
    """What the page embeds: draws of E, ln A, ln B, alpha, beta (float32, in that order, base64), and the published laws.

    A law is N_opt = G (C/6)^a, so that D_opt = (C/6)^(1 - a) / G, whatever surface it comes from.
    """
    conventions = []
    for name, posterior in posteriors(study).items():
        s = posterior.draws
        columns = np.stack([np.broadcast_to(x, np.shape(s.alpha)) for x in (s.E, np.log(s.A), np.log(s.B), s.alpha, s.beta)])
        columns = columns[:, spread(posterior)]
        conventions.append(
            {
                "key": name,
                "label": CONVENTIONS[name],
                "size": columns.shape[1],
                "effective": posterior.diagnostics.effective,
                "draws": base64.b64encode(columns.astype("<f4").tobytes()).decode(),
                "largestC": float(posterior.rows.C.max()),
            }
        )
    laws = []
    for law in map(published_law, LAWS):
        laws.append(
            {
                "label": law.label,
                "counts": law.counts,
                "lnG": float(np.log(law.law.N_opt(FLOPS_PER_PARAMETER_TOKEN))),
                "a": law.a,
            }
        )
    return {
        "conventions": conventions,
        "laws": laws,
        "bytesPerToken": study.bytes_per_token,
        "start": {"N": TARGET_N, "C": CHINCHILLA_C},
    }


def spread(posterior: Posterior) -> NDArray[np.intp]:
    """Indices of at most `SHOWN` draws, evenly spread over the ranks of D_opt at the target: its quantiles stay what they are."""
    order = np.argsort(posterior.draws.D_opt_at(TARGET_N))
    every = -(-len(order) // SHOWN)
    return order[every // 2::every]


def html(study: Study) -> None:
    """Print the raw HTML block. The cell has `output: asis`; the PDF leaves it out."""
    script = (files("study") / "articles" / "main" / "interactive.js").read_text(encoding="utf-8")
    markup = (files("study") / "articles" / "main" / "interactive.html").read_text(encoding="utf-8")
    data = json.dumps(payload(study), separators=(",", ":"))
    print(
        f'```{{=html}}\n{markup}\n<script type="application/json" id="answer-data">{data}</script>\n'
        f"<script>\n{script}</script>\n```\n"
    )
