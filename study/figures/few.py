"""What three runs say, and how the interval shrinks as runs are added."""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import SEED, TARGET_N, Analysis
from study.figures.frames import groups
from study.inference.classical.curve_fit import START, CurveFit, fit_curve_fit
from study.inference.classical.points import InferenceError
from study.inference.fast.fit import fit_fast
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.spec import ModelSpec
from study.laws.errata import LAB_RUNS

if TYPE_CHECKING:
    from IPython.display import Markdown

STARTS = 40


@dataclass(frozen=True)
class Stage:
    """A subset of the runs and its posterior."""

    name: str
    rows: pd.DataFrame
    posterior: Posterior


def three_rows(study: Analysis) -> pd.DataFrame:
    """The smallest, the middle and the largest size of the middle budget: three real isoFLOP runs, as the lab has."""
    rows = study.isoflop_rows
    budgets = [budget for budget, group in groups(rows, "budget") if group["N"].nunique() >= 3]
    chosen = rows[rows["budget"] == budgets[len(budgets) // 2]].sort_values("N").reset_index(drop=True)
    return chosen.iloc[[0, len(chosen) // 2, len(chosen) - 1]].reset_index(drop=True)


@lru_cache(maxsize=4)
def stages(study: Analysis) -> tuple[Stage, ...]:
    """Posteriors of three runs, then of whole profiles from the middle budget outwards, then of every run."""
    rows = study.isoflop_rows
    budgets = sorted(rows["budget"].unique())
    three = three_rows(study)
    middle = budgets.index(float(three["budget"].iloc[0]))
    order = sorted(range(len(budgets)), key=lambda i: (abs(i - middle), -i))
    out = [_stage(study, f"{len(three)} runs of one budget", three)]
    for count in range(1, len(order) + 1):
        taken = rows[rows["budget"].isin([budgets[i] for i in order[:count]])]
        if len(taken) > len(out[-1].rows):
            out.append(_stage(study, f"{count} budget{'s' * (count > 1)}", taken))
    if len(study.fit) > len(rows):
        out.append(_stage(study, "every fit run", study.fit))
    return tuple(out)


def _stage(study: Analysis, name: str, rows: pd.DataFrame) -> Stage:
    return Stage(f"{name} ({len(rows)})", rows, study.refit(rows.reset_index(drop=True)))


def prior_tokens(study: Analysis) -> Array:
    """The prior of D_opt(TARGET_N), tokens."""
    return np.asarray(study.prior.surface(*study.reference).D_opt_at(TARGET_N))


@style.drawn
def three(study: Analysis) -> Figure:
    """Prior, three runs, all runs: D_opt against N."""
    figure, axes = style.canvas(7.4, 3.4, 1, 3, sharey=True)
    N = np.geomspace(float(study.fit["N"].min()) / 2, 3e9, 50)
    panels = (
        ("prior", study.prior.surface(*study.reference), style.PRIOR, None),
        ("three runs", stages(study)[0].posterior.draws, style.PREDICTIVE, three_rows(study)),
        (f"all {len(study.fit)} runs", study.posterior.draws, style.POSTERIOR, study.fit),
    )
    for ax, (name, draws, colour, rows) in zip(axes, panels, strict=True):
        ax.set_xlim(N[0], N[-1])
        ax.set_ylim(1e2, 1e17)
        style.log_axis(ax, "x", most=4)
        style.log_axis(ax, "y")
        with np.errstate(over="ignore"):
            style.fan(ax, N, np.clip(draws.D_opt_at(N[:, None]), 1e-30, 1e60), colour)
        if rows is not None:
            ax.plot(rows["N"], rows["D"], "o", color=style.INK, ms=3.5, zorder=6)
        ax.axvline(TARGET_N, color=style.FAINT, lw=0.8, ls=":")
        style.panel(ax, name, "parameters $N$")
    axes[0].set_ylabel("compute-optimal tokens $D_{opt}(N)$")
    return figure


@style.drawn
def shrinkage(study: Analysis) -> Figure:
    """Intervals of D_opt at the target as runs are added."""
    found = stages(study)
    figure, ax = style.canvas(7.0, 0.42 * (len(found) + 1) + 1.1)
    style.bar(ax, len(found), prior_tokens(study), style.PRIOR)
    for y, stage in zip(range(len(found) - 1, -1, -1), found, strict=True):
        style.bar(ax, y, stage.posterior.draws.D_opt_at(TARGET_N), style.POSTERIOR)
    ax.set_yticks(range(len(found), -1, -1), ["prior", *(stage.name for stage in found)])
    low, high = text.central(prior_tokens(study))
    ax.set_xlim(low / 2, high * 2)
    ax.set_ylim(-0.6, len(found) + 0.6)
    style.log_axis(ax, "x")
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure


@style.drawn
def parameters(study: Analysis) -> Figure:
    """Prior, three runs, all runs: marginal densities of what the answer is made of, and of the answer."""
    figure, axes = style.canvas(7.4, 2.0, 1, 5)
    with np.errstate(over="ignore"):
        sets = {
            "prior": (study.prior, study.prior.surface(*study.reference), style.PRIOR),
            "three runs": (stages(study)[0].posterior.parameters, stages(study)[0].posterior.draws, style.PREDICTIVE),
            "all runs": (study.posterior.parameters, study.posterior.draws, style.POSTERIOR),
        }
        columns = [
            ("ln $E$", lambda p, _: np.log(p.E)),
            (r"ln $\alpha$", lambda p, _: np.log(p.alpha)),
            (r"ln $\beta$", lambda p, _: np.log(p.beta)),
            ("$a$", lambda _, s: np.asarray(s.a)),
            ("log10 $D_{opt}$", lambda _, s: np.log10(s.D_opt_at(TARGET_N))),
        ]
        for ax, (name, column) in zip(axes, columns, strict=True):
            values = {label: column(p, s) for label, (p, s, _) in sets.items()}
            low, high = np.nanquantile(values["prior"], [0.005, 0.995])
            low, high = (
                min(low, *(np.nanquantile(v, 0.01) for v in values.values())),
                max(high, *(np.nanquantile(v, 0.99) for v in values.values())),
            )
            for label, (_, _, colour) in sets.items():
                density, edges = np.histogram(values[label], np.linspace(low, high, 50), density=True)
                ax.stairs(density / density.max(), edges, fill=True, color=colour, alpha=0.12)
                ax.stairs(density / density.max(), edges, color=colour, lw=1.2)
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
            style.panel(ax, name)
    for y, (label, (_, _, colour)) in zip((0.95, 0.83, 0.71), sets.items(), strict=True):
        axes[0].text(0.02, y, label, transform=axes[0].transAxes, color=colour, fontsize=7, va="top")
    return figure


@lru_cache(maxsize=1)
def lab() -> Array:
    """D_opt at the target per draw, from the lab's own three predicted losses at the N and D it names."""
    rows = pd.DataFrame(
        {"N": [run.N for run in LAB_RUNS], "D": [run.D for run in LAB_RUNS], "loss": [run.predicted for run in LAB_RUNS]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorDominatedWarning)  # what the page is about
        fitted = fit_fast(rows, ModelSpec(group=None), seed=SEED, fallback=False)
    return np.asarray(fitted.draws.D_opt_at(TARGET_N))


@lru_cache(maxsize=4)
def false_certainty(study: Analysis) -> CurveFit | str:
    """curve_fit on the three runs from starts around the usual one; curve_fit's own message where it refuses all of them."""
    rows, rng = three_rows(study), np.random.default_rng(SEED)
    centre = np.log(START)
    starts = np.exp(centre + rng.normal(0, [0.3, 1.0, 1.0, 0.3, 0.3], (STARTS, 5)))
    try:
        return fit_curve_fit(rows["N"], rows["D"], rows["loss"], starts)
    except InferenceError as error:
        return str(error)


@style.drawn
def starts(study: Analysis) -> Figure:
    """Where curve_fit ends on the same three losses, by start; beside the posterior of three runs and of all."""
    fitted = false_certainty(study)
    if isinstance(fitted, str):
        return style.note(fitted)
    figure, ax = style.canvas(7.0, 2.7)
    ends = np.asarray(fitted.surfaces.D_opt_at(TARGET_N))
    exact = fitted.exact()
    rng = np.random.default_rng(SEED)
    ax.plot(
        ends[exact],
        2 + rng.uniform(-0.25, 0.25, exact.sum()),
        "o",
        color=style.KAPLAN,
        ms=4,
        alpha=0.8,
        mec="white",
        mew=0.3,
    )
    style.bar(ax, 1, stages(study)[0].posterior.draws.D_opt_at(TARGET_N), style.PREDICTIVE)
    style.bar(ax, 0, study.posterior.draws.D_opt_at(TARGET_N), style.POSTERIOR)
    ax.set_yticks(
        [2, 1, 0],
        ["curve_fit, one dot a start\nthat fits all three exactly", "posterior, three runs", "posterior, all runs"],
    )
    low, high = text.central(prior_tokens(study))
    reach = np.append(ends[exact], [low, high])
    ax.set_xlim(float(reach.min()) / 2, float(reach.max()) * 2)
    ax.set_ylim(-0.5, 2.5)
    style.log_axis(ax, "x")
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure


def growth(study: Analysis) -> "Markdown":
    """The answer's interval, the exponent's, and how many decades the first spans, as runs are added."""
    rows = []
    for stage in stages(study):
        tokens, a = stage.posterior.draws.D_opt_at(TARGET_N), stage.posterior.draws.a
        low, high = text.central(tokens)
        rows.append(
            {
                "runs": stage.name,
                "$D_{opt}$ (tokens)": text.count(float(np.median(tokens))),
                "95 %": text.interval(low, high, text.count),
                "decades": text.significant(np.log10(high / low), 2),
                "a, 95 %": text.interval(*text.central(a)),
            }
        )
    return text.table(rows)
