"""Other forms of the law on the same runs, and where the headline's misses them."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import forms
from study.analysis.misfit import residuals
from study.analysis.study import SEED, Study
from study.articles.main.otherwise import FORMS
from study.articles.shared import style, text
from study.inference.digits import Estimate
from study.inference.intervals import inside
from study.inference.posterior import KHAT, Posterior
from study.inference.predictive import predict_losses
from study.inference.scores import rms

if TYPE_CHECKING:
    from IPython.display import Markdown

HELD_OUT = "held out: error, inside"
TOKENS = "$D_{opt}$ (tokens)"


def table(study: Study) -> "Markdown":
    """Each law's predictive density, weight and answer; then the mixtures."""
    compared = forms.comparison(study)
    if compared is None:
        return text.absent("fewer than two laws converged under NUTS on these runs")
    rows = []
    for name in compared.index:
        row = compared.loc[name]
        rows.append(
            {
                "law": FORMS[name].removeprefix("the ").replace(" ", text.NBSP),
                "elpd − best": text.significant(-float(row["elpd_diff"]), 2),
                "s.e.": text.significant(float(row["dse"]), 2),
                "k-hat": f"{forms.largest_khat(study, str(name)):.2f}",
                "weight": f"{float(row['weight']):.2f}",
                HELD_OUT: _held_out(study, forms.laws(study)[name].posterior),
                **_answer(forms.asked(study, str(name))),
            }
        )
    empty = dict.fromkeys(("elpd − best", "s.e.", "k-hat", "weight", HELD_OUT), "")
    if max(forms.largest_khat(study, str(name)) for name in compared.index) <= KHAT:
        stacked = {TOKENS: text.median(forms.stacked(study), text.short), "95 %": text.ends(forms.stacked(study), text.short)}
    else:  # the weights are not known
        stacked = dict.fromkeys((TOKENS, "95 %"), text.ABSENT)
    rows += [{"law": "stacked", **empty, **stacked},
             {"law": "equal weights", **empty, **_answer(forms.equal(study))}]
    return text.table(rows)


def _held_out(study: Study, posterior: Posterior) -> str:
    """R.m.s. error in percent of the held-out losses, and how many of them lie in their 95 % predictive interval."""
    rows = study.held_out
    if not len(rows):
        return text.ABSENT
    losses = predict_losses(posterior, rows, seed=SEED)
    off = np.log(rows["loss"]) - np.log(np.median(losses, axis=0))
    return f"{100 * rms(off.to_numpy()):.0f} %, {inside(losses, rows['loss'])[0.95]} of {len(rows)}"


def _answer(found: Estimate) -> dict[str, str]:
    return {TOKENS: text.held(found), "95 %": text.held_ends(found)}


@style.drawn
def residual_map(study: Study) -> Figure:
    """Residuals of ln L in the plane of (N, D): a pattern there is misfit of the law."""
    figure, ax = style.canvas(6.8, 3.8)
    rows, palette = study.fit, style.colours(study)
    residual = 100 * residuals(study.posterior, rows)
    reach = float(np.abs(residual).max())
    dots = ax.scatter(
        rows["N"],
        rows["D"],
        c=residual,
        s=20 + 160 * np.abs(residual) / reach,
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        edgecolor=[palette[budget] for budget in rows["budget"]],
        linewidth=1,
    )
    figure.colorbar(dots, ax=ax, label="ln L, measured − law (%)", shrink=0.8)
    ax.set_xlim(float(rows["N"].min()) / 1.5, float(rows["N"].max()) * 1.5)
    ax.set_ylim(float(rows["D"].min()) / 2, float(rows["D"].max()) * 2)
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    style.panel(ax, "", "parameters $N$", "training tokens $D$")
    return figure
