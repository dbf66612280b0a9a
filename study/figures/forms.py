"""Other forms of the law on the same runs: which predicts them best, and what their mixture answers."""

import warnings
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import SEED, TARGET_N, Analysis, Fitted
from study.inference.parameters import Array
from study.inference.posterior import Posterior, UnconvergedError
from study.inference.predictive import inside, predict_losses
from study.inference.spec import HEADLINE, SpecError

if TYPE_CHECKING:
    from IPython.display import Markdown

NAMES = {"hoffmann": "Hoffmann's form", "kaplan": "Kaplan's form", "nesting": "nesting family"}
HELD_OUT = "held out: error, inside"
COLOURS = {"hoffmann": style.POSTERIOR, "kaplan": style.KAPLAN, "nesting": style.REFIT}


@lru_cache(maxsize=4)
def laws(study: Analysis) -> dict[str, Fitted]:
    """The three laws under the headline's noise, those that converged."""
    out = {"hoffmann": study.headline}
    for law in ("kaplan", "nesting") if study.nuts else ():
        try:
            out[law] = study.drawn(replace(HEADLINE, law=law))
        except (UnconvergedError, SpecError):
            continue
    return out


@lru_cache(maxsize=4)
def comparison(study: Analysis) -> pd.DataFrame | None:
    """PSIS-LOO and stacking weights, all laws as densities of ln L; None unless two were drawn by NUTS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its coming refactor, and says when a k-hat is high: the table shows it
        import arviz as az

        found = {name: fitted.posterior.idata for name, fitted in laws(study).items() if fitted.posterior.idata is not None}
        return az.compare(found, ic="loo", method="stacking", var_name="ln_L") if len(found) > 1 else None


@lru_cache(maxsize=4)
def largest_khat(study: Analysis, law: str) -> float:
    """The largest Pareto k-hat of a law's leave-one-out densities: above 0.7 its elpd is not to be trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as az

        return float(az.loo(laws(study)[law].posterior.idata, pointwise=True, var_name="ln_L").pareto_k.max())


def stacked(study: Analysis) -> Array:
    """Draws of D_opt at the target from the laws in proportion to their stacking weights."""
    compared = comparison(study)
    if compared is None:
        return np.asarray(study.posterior.draws.D_opt_at(TARGET_N))
    rng = np.random.default_rng(SEED)
    return np.concatenate(
        [
            rng.choice(np.asarray(laws(study)[str(name)].posterior.draws.D_opt_at(TARGET_N)), round(4000 * float(weight)))
            for name, weight in compared["weight"].items()
        ]
    )


def equal(study: Analysis) -> Array:
    """The same with equal weights: what the data cannot rule out far outside them."""
    found = laws(study)
    rng = np.random.default_rng(SEED)
    return np.concatenate(
        [rng.choice(np.asarray(fitted.posterior.draws.D_opt_at(TARGET_N)), 4000 // len(found)) for fitted in found.values()]
    )


def law_table(study: Analysis) -> "Markdown":
    """Each law's predictive density, weight and answer; then the mixtures."""
    compared = comparison(study)
    if compared is None:
        return text.absent("fewer than two laws converged under NUTS on these runs")
    rows = []
    for name in compared.index:
        draws, row = laws(study)[name].posterior.draws, compared.loc[name]
        rows.append(
            {
                "law": NAMES[name],
                "elpd − best": text.significant(-float(row["elpd_diff"]), 2),
                "s.e.": text.significant(float(row["dse"]), 2),
                "largest k-hat": f"{largest_khat(study, str(name)):.2f}",
                "weight": f"{float(row['weight']):.2f}",
                HELD_OUT: _held_out(study, laws(study)[name].posterior),
                **_answer(np.asarray(draws.D_opt_at(TARGET_N))),
            }
        )
    rows += [
        {"law": name, **dict.fromkeys(("elpd − best", "s.e.", "largest k-hat", "weight", HELD_OUT), ""), **_answer(mixed(study))}
        for name, mixed in (("stacked", stacked), ("equal weights", equal))
    ]
    return text.table(rows)


def _held_out(study: Analysis, posterior: Posterior) -> str:
    """R.m.s. error in percent of the held-out losses, and how many of them lie in their 95 % predictive interval."""
    rows = study.held_out
    if not len(rows):
        return text.ABSENT
    losses = predict_losses(posterior, rows, seed=SEED)
    off = np.log(rows["loss"]) - np.log(np.median(losses, axis=0))
    return f"{100 * float(np.sqrt(np.mean(off**2))):.0f} %, {inside(losses, rows['loss'])[0.95]} of {len(rows)}"


def _answer(tokens: Array) -> dict[str, str]:
    return {"$D_{opt}$ (tokens)": text.count(float(np.median(tokens))), "95 %": text.interval(*text.central(tokens), text.count)}


@style.drawn
def forms(study: Analysis) -> Figure:
    """D_opt against C under each law: one inside the runs, apart beyond them."""
    found = laws(study)
    figure, ax = style.canvas(7.0, 3.8)
    C = np.geomspace(float(study.fit["C"].min()), 1e24, 60)
    ends = []
    for name, fitted in found.items():
        draws = fitted.posterior.draws.D_opt(C[:, None])
        middle = style.fan(ax, C, draws, COLOURS[name], levels=(0.95,))
        ends.append((float(middle[-1]), NAMES[name], COLOURS[name]))
    ax.set_xlim(C[0] / 2, C[-1])
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y")
    style.line_labels(ax, C[-1], ends, gap=0.06)
    ax.axvspan(float(study.fit["C"].min()), study.largest_C, color=style.GRID, alpha=0.8, lw=0, zorder=0)
    style.panel(ax, "", "training compute $C$ (FLOP)", "compute-optimal tokens $D_{opt}$")
    return figure


@style.drawn
def residual_map(study: Analysis) -> Figure:
    """Residuals of ln L in the plane of (N, D): a pattern there is misfit of the law."""
    from study.figures.design import colours

    figure, ax = style.canvas(6.8, 3.8)
    rows, palette = study.fit, colours(study)
    fitted = np.median(study.posterior.draws.loss(rows["N"].to_numpy()[:, None], rows["D"].to_numpy()[:, None]), axis=1)
    residual = 100 * (np.log(rows["loss"].to_numpy()) - np.log(fitted))
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
