"""Chinchilla's three approaches on the same runs, and the bias of the second."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import SEED, TARGET_N, Analysis
from study.figures.design import colours
from study.inference.answers import SIZES
from study.inference.classical.bootstrap import clustered_bootstrap, row_bootstrap
from study.inference.classical.delta import delta_method
from study.inference.classical.isoflop import PowerLaw, fit_power_law, vertex_shift
from study.inference.classical.points import InferenceError

if TYPE_CHECKING:
    from IPython.display import Markdown

RESAMPLES = 300
POSTERIOR = "3: posterior"


@dataclass(frozen=True)
class Approach:
    """One approach's exponent and answer; nan and None where it has none."""

    name: str
    a: float
    se: float
    tokens: float
    interval: tuple[float, float] | None = None


def optima(study: Analysis) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """C = 6 N D, N and D at the interior vertices of approach 2, D read off the profile's own cells."""
    found = study.isoflop
    if found is None:
        return np.array([]), np.array([]), np.array([])
    tokens = []
    for budget, N in zip(found.C[found.inside], found.N_opt[found.inside], strict=True):
        path = study.isoflop_rows[study.isoflop_rows["budget"] == budget].sort_values("N")
        tokens.append(float(np.exp(np.interp(np.log(N), np.log(path["N"]), np.log(path["D"])))))
    N, D = found.N_opt[found.inside], np.array(tokens)
    return 6 * N * D, N, D


@lru_cache(maxsize=4)
def approaches(study: Analysis) -> tuple[Approach, ...]:
    """Every approach that the runs allow."""
    out = []
    if study.envelope is not None:
        out.append(_of_power_law("1: envelope of training curves", study.envelope.N_law))
    C, N, _ = optima(study)
    if len(C) > 1:
        out.append(_of_power_law("2: isoFLOP parabolas", fit_power_law(C, N)))
    surface = study.huber.surface
    try:
        delta = delta_method(surface, study.fit["N"], study.fit["D"], study.fit["loss"])
        se, span = delta.standard_error(lambda s: s.a), delta.interval(lambda s: s.D_opt_at(TARGET_N))
        out.append(Approach("3: Huber, delta method", float(surface.a), se, float(surface.D_opt_at(TARGET_N)), span))
    except InferenceError:
        out.append(Approach("3: Huber", float(surface.a), float("nan"), float(surface.D_opt_at(TARGET_N))))
    columns = (study.fit["N"], study.fit["D"], study.fit["loss"])
    bootstraps = {"rows": row_bootstrap(*columns, seed=SEED, resamples=RESAMPLES)}
    if study.fit["budget"].nunique() > 1:
        bootstraps["budgets"] = clustered_bootstrap(*columns, study.fit["budget"], seed=SEED, resamples=RESAMPLES)
    for name, found in bootstraps.items():
        with np.errstate(all="ignore"):  # a resample may see one term only: its answer is then beyond all numbers, or none
            ends = found.interval(lambda s: s.D_opt_at(TARGET_N))
        known = None if np.isnan(ends).any() else ends
        se = float(np.std(found.surface.a))
        out.append(
            Approach(f"3: Huber, bootstrap of {name}", float(surface.a), se, float(surface.D_opt_at(TARGET_N)), known)
        )
    if study.varpro is not None and not study.varpro.at_bound:
        least = study.varpro.surface
        out.append(Approach("3: variable projection", float(least.a), float("nan"), float(least.D_opt_at(TARGET_N))))
    draws = study.posterior.draws
    tokens = np.asarray(draws.D_opt_at(TARGET_N))
    out.append(
        Approach(
            POSTERIOR, float(np.median(draws.a)), float(np.std(draws.a)), float(np.median(tokens)), text.central(tokens)
        )
    )
    return tuple(out)


def _of_power_law(name: str, law: PowerLaw) -> Approach:
    if not 0.05 < law.exponent < 0.95:  # N_opt would fall with compute, or D_opt would: no answer to carry anywhere
        return Approach(name, law.exponent, law.exponent_se, float("nan"))
    C = np.exp((np.log(TARGET_N) - law.intercept) / law.exponent)
    return Approach(name, law.exponent, law.exponent_se, float(C / (6 * TARGET_N)))


def approach_table(study: Analysis) -> "Markdown":
    """The exponent and the answer by every approach."""

    def number(x: float, digits: int = 3) -> str:
        return text.significant(x, digits) if np.isfinite(x) else text.ABSENT

    return text.table(
        [
            {
                "approach": found.name,
                "a": number(found.a),
                "s.e.": number(found.se, 2),
                f"$D_{{opt}}$ at {text.count(TARGET_N)} (tokens)": text.count(found.tokens)
                if np.isfinite(found.tokens)
                else text.ABSENT,
                "95 %": text.ABSENT if found.interval is None else text.interval(*found.interval, text.count),
            }
            for found in approaches(study)
        ]
    )


@style.drawn
def compared(study: Analysis) -> Figure:
    """N_opt against C inside the fitted range by the three approaches."""
    figure, ax = style.canvas(7.0, 3.8)
    C = np.geomspace(float(study.fit["C"].min()), float(study.frame["C"].max()), 40)
    middle = style.fan(ax, C, study.posterior.draws.N_opt(C[:, None]), style.POSTERIOR)
    labels = [(float(middle[-1]), POSTERIOR, style.POSTERIOR)]
    if study.envelope is not None:
        inner = ~study.envelope.edge
        ax.plot(study.envelope.C[inner], study.envelope.N[inner], ".", color=style.KAPLAN, ms=2.5)
        ax.text(0.02, 0.96, "● 1: envelope", transform=ax.transAxes, color=style.KAPLAN, fontsize=7.5, va="top")
    at, N, _ = optima(study)
    palette = colours(study)
    if study.isoflop is not None and len(at):
        for x, y, budget in zip(at, N, study.isoflop.C[study.isoflop.inside], strict=True):
            ax.plot([x], [y], "D", color=palette[float(budget)], ms=6, mec="white", zorder=6)
        ax.text(0.02, 0.9, "◆ 2: vertices of the parabolas", transform=ax.transAxes, fontsize=7.5, va="top")
    ax.plot(C, study.huber.surface.N_opt(C), color=style.HOFFMANN, lw=1.2, ls="--")
    labels.append((float(study.huber.surface.N_opt(C[-1])), "3: Huber", style.HOFFMANN))
    ax.set_xlim(C[0] / 1.3, C[-1])
    style.log_axis(ax, "x", style.power, most=6)
    style.log_axis(ax, "y", most=6)
    style.line_labels(ax, C[-1], labels, gap=0.06)
    style.panel(ax, "", "compute $C = 6 N D$ (FLOP)", "compute-optimal parameters $N_{opt}$")
    return figure


@style.drawn
def parabola_bias(study: Analysis) -> Figure:
    """Approach 2 without noise on the posterior's surfaces: how far its vertex misses N_opt, by range of sizes."""
    figure, ax = style.canvas(6.6, 2.9)
    draws, reaches = study.posterior.draws, np.geomspace(1.3, 12, 25)
    pick = np.linspace(0, len(draws.alpha) - 1, 200).astype(int)
    grids = [np.linspace(-np.log(reach), np.log(reach), SIZES) for reach in reaches]
    shift = np.array([[np.expm1(vertex_shift(draws.alpha[i], draws.beta[i], x)) for i in pick] for x in grids])
    style.fan(ax, reaches, 100 * shift, style.POSTERIOR)
    ax.axhline(0, color=style.MUTED, lw=0.8)
    ax.set_xlim(reaches[0], reaches[-1])
    style.log_axis(ax, "x", lambda x: f"×{x:g}")
    style.panel(ax, "", "sizes from $N_{opt}$ divided by, to multiplied by", "vertex / $N_{opt}$ − 1 (%)")
    return figure
