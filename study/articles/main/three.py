"""Three runs: what they leave open, what least squares makes of them, and how the interval shrinks as runs are added."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from study.analysis import answers, stages
from study.analysis.study import SEED, Study
from study.articles.atlas import shown
from study.articles.shared import style, text, words
from study.atlas.read import recorded
from study.atlas.target import ALL, LAB, NONE, THREE
from study.laws.errata import TARGET_N


def count(study: Study) -> str:
    """Their number, as a word."""
    return words.number_word(len(stages.three_rows(study)))


def budget(study: Study) -> str:
    """Their budget, exact FLOP."""
    return text.power(float(stages.three_rows(study)["budget"].iloc[0]))


def decades(study: Study) -> str:
    """The powers of ten that the 95 % interval of the answer spans on three runs."""
    return f"{text.decades(stages.three(study).tokens):.1f}"


def decades_all(study: Study) -> str:
    """On all runs, by importance sampling as the others."""
    return f"{text.decades(stages.stages(study)[-1].tokens):.1f}"


def all_runs(study: Study) -> str:
    """How many those are."""
    return f"{len(study.fit):,}"


def decades_prior(study: Study) -> str:
    """By the prior alone."""
    return f"{text.decades(stages.prior_tokens(study)):.1f}"


def _decades(found: dict[str, Any] | None) -> str:
    return f"{found['decades']:.1f}" if found else text.ABSENT


def _ends(found: dict[str, Any] | None) -> str:
    return shown.ends(found["tokens"], text.short) if found else text.ABSENT


def _both(found: dict[str, Any] | None) -> str:
    return shown.both(found["tokens"], text.short) if found else text.ABSENT


def lab_95() -> str:
    """The interval that the lab's own predictions leave, tokens."""
    return _ends(stages.recorded_of(LAB, THREE, with_others=False))


def lab_decades() -> str:
    """The powers of ten of it."""
    return _decades(stages.recorded_of(LAB, THREE, with_others=False))


def decades_atlas(study: Study) -> str:
    """The powers of ten that the three cheapest runs leave under the prior of all other laboratories' tables."""
    return _decades(stages.at_target(study, THREE))


def atlas_95(study: Study) -> str:
    """And the interval, tokens."""
    return _ends(stages.at_target(study, THREE))


def decades_others(study: Study) -> str:
    """The powers of ten that the prior leaves by itself, without a run of this study."""
    return _decades(stages.at_target(study, NONE))


def others_95(study: Study) -> str:
    """And the interval, tokens."""
    return _ends(stages.at_target(study, NONE))


def others_alone(study: Study) -> str:
    """What the prior answers without a run: tokens, and the 95 % interval."""
    return _both(stages.at_target(study, NONE))


def all_with_others(study: Study) -> str:
    """What all runs say under that prior: tokens, and the 95 % interval."""
    return _both(stages.at_target(study, ALL))


def decades_all_with_others(study: Study) -> str:
    """The powers of ten of it."""
    return _decades(stages.at_target(study, ALL))


def decades_cheapest(study: Study) -> str:
    """The powers of ten that the same three runs leave under the headline's prior."""
    return _decades(stages.at_target(study, THREE, with_others=False))


def widened() -> str:
    """By how much the spreads of that prior are widened, where they are."""
    factor = recorded().factor
    return f", its spreads widened {factor:g} times," if factor != 1 else ","


def starts(study: Study) -> str:
    """Starts of curve_fit."""
    found = stages.by_start(study)
    return "no" if isinstance(found, stages.Refused) else f"{len(found.exact())}"


def exact_starts(study: Study) -> str:
    """How many end on a surface through all three losses."""
    return words.none_or(len(stages.exact_ends(study)))


def start_answers(study: Study) -> str:
    """From and to how many tokens their answers run."""
    ends = stages.exact_ends(study)
    return f"{text.count(float(ends.min()))} to {text.count(float(ends.max()))}" if len(ends) else text.ABSENT


def refusal(study: Study) -> str:
    """curve_fit's own message where it refuses every start."""
    found = stages.by_start(study)
    return f"curve_fit refuses every start: {found.reason}." if isinstance(found, stages.Refused) else ""


def added(study: Study) -> str:
    """The decades left by all sizes of the three runs' budget, and by a second budget, where the design has them."""
    found = stages.stages(study)
    one = next((stage for stage in found[1:] if stage.rows["budget"].nunique() == 1), None)
    two = next((stage for stage in found if stage.rows["budget"].nunique() == 2), None)
    parts = [f", all {len(one.rows)} sizes of that budget {text.decades(one.tokens):.1f}"] if one else []
    return "".join([*parts, f", a second budget {text.decades(two.tokens):.1f}"] if two else parts)


@style.drawn
def fans(study: Study) -> Figure:
    """Prior, three runs, all runs: D_opt against N."""
    figure, axes = style.canvas(7.4, 3.4, 1, 3, sharey=True)
    N = np.geomspace(float(study.fit["N"].min()) / 2, 3e9, 50)
    panels = (
        ("prior", study.prior.surface(*study.reference), style.PRIOR, None),
        ("three runs", stages.three(study).posterior.draws, style.PREDICTIVE, stages.three_rows(study)),
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
def by_start(study: Study) -> Figure:
    """Where curve_fit ends on the same three losses, by start; beside the posterior of three runs and of all."""
    ends = stages.exact_ends(study)
    if not len(ends):
        return style.note(refusal(study) or "No start fits all three losses.")
    figure, ax = style.canvas(7.0, 2.3)
    rng = np.random.default_rng(SEED)
    ax.plot(
        ends,
        2 + rng.uniform(-0.25, 0.25, len(ends)),
        "o",
        color=style.KAPLAN,
        ms=4,
        alpha=0.8,
        mec="white",
        mew=0.3,
    )
    style.bar(ax, 1, stages.three(study).tokens, style.PREDICTIVE)
    style.bar(ax, 0, answers.tokens(study), style.POSTERIOR)
    ax.set_yticks(
        [2, 1, 0],
        ["curve_fit, one dot a start\nthat fits all three exactly", "posterior, three runs", "posterior, all runs"],
    )
    low, high = text.central(stages.prior_tokens(study))
    reach = np.append(ends, [low, high])
    ax.set_xlim(float(reach.min()) / 2, float(reach.max()) * 2)
    ax.set_ylim(-0.5, 2.5)
    style.log_axis(ax, "x")
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure


@style.drawn
def shrinkage(study: Study) -> Figure:
    """Intervals of D_opt at the target as runs are added."""
    found = stages.stages(study)
    figure, ax = style.canvas(7.0, 0.34 * (len(found) + 1) + 0.9)
    style.bar(ax, len(found), stages.prior_tokens(study), style.PRIOR)
    for y, stage in zip(range(len(found) - 1, -1, -1), found, strict=True):
        style.bar(ax, y, stage.tokens, style.POSTERIOR)
    ax.set_yticks(range(len(found), -1, -1), ["prior", *(stage.name for stage in found)])
    ends = [text.central(draws) for draws in (stages.prior_tokens(study), *(stage.tokens for stage in found))]
    ax.set_xlim(min(low for low, _ in ends) / 2, max(high for _, high in ends) * 2)
    ax.set_ylim(-0.6, len(found) + 0.6)
    style.log_axis(ax, "x")
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure
