"""The headline under other choices: noise, priors, conventions, groups, laws, and without each run in turn."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import IMPORTANCE, NUTS, TARGET_N, Analysis, Fitted
from study.figures.forms import laws
from study.inference.fast.target import supported
from study.inference.parameters import Array
from study.inference.posterior import UnconvergedError
from study.inference.spec import HEADLINE, ModelSpec, SpecError

if TYPE_CHECKING:
    from IPython.display import Markdown

SHORT = {NUTS: "NUTS", IMPORTANCE: "IS"}
NON_EMBEDDING, TOTAL = "N without the unembedding", "N total"
NARROW, WIDE = "priors half as wide", "priors twice as wide"
CONSTANT = "noise scale constant in C (g = 0)"
VARIANTS: tuple[tuple[str, ModelSpec], ...] = (
    ("normal noise", replace(HEADLINE, noise="normal")),
    (CONSTANT, replace(HEADLINE, scale_slope=False)),
    ("no width effect", replace(HEADLINE, group=None)),
    ("budget effect instead", replace(HEADLINE, group="budget")),
    (NARROW, replace(HEADLINE, prior_scale=0.5)),
    (WIDE, replace(HEADLINE, prior_scale=2.0)),
    (NON_EMBEDDING, replace(HEADLINE, n_convention="non_embedding")),
    (TOTAL, replace(HEADLINE, n_convention="total")),
    ("C exact in the noise scale", replace(HEADLINE, c_convention="exact")),
    ("seed noise apart from misfit", replace(HEADLINE, noise="seed")),
    ("Kaplan's form", replace(HEADLINE, law="kaplan")),
    ("nesting family (κ free)", replace(HEADLINE, law="nesting")),
)
BY_NUTS = (HEADLINE, *(spec for _, spec in VARIANTS if not supported(spec)))  # the models that the page draws by NUTS


@dataclass(frozen=True)
class Variant:
    """The answer under one other choice."""

    name: str
    tokens: Array  # D_opt(TARGET_N) per draw
    a: Array
    method: str
    khat: float = float("nan")  # of importance draws


@lru_cache(maxsize=4)
def variants(study: Analysis) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """Every variant that could be fitted, and the names of those that could not."""
    out, failed = [], []
    for name, spec in VARIANTS:
        try:
            if spec.law != "hoffmann":
                fitted: Any = laws(study)[spec.law]
            elif supported(spec):
                fitted = Fitted(study.refit(study.fit, spec), IMPORTANCE)
            elif study.nuts:
                fitted = study.drawn(spec)
            else:
                raise UnconvergedError("NUTS was not asked for")
        except (UnconvergedError, SpecError, KeyError):
            failed.append(name)
            continue
        draws, khat = fitted.posterior.draws, fitted.posterior.khat
        out.append(Variant(name, np.asarray(draws.D_opt_at(TARGET_N)), np.asarray(draws.a), fitted.method, khat))
    return tuple(out), tuple(failed)


@style.drawn
def tornado(study: Analysis) -> Figure:
    """D_opt at the target under every variant, ordered by how far its median moves."""
    found, _ = variants(study)
    base = np.log(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    ordered = sorted(found, key=lambda variant: abs(np.log(np.median(variant.tokens)) - base))
    figure, ax = style.canvas(7.2, 0.33 * (len(ordered) + 1) + 1.0)
    style.bar(ax, len(ordered), study.posterior.draws.D_opt_at(TARGET_N), style.POSTERIOR)
    for y, variant in enumerate(ordered[::-1]):
        style.bar(ax, len(ordered) - 1 - y, variant.tokens, style.OTHER if variant.method == NUTS else style.PREDICTIVE)
    ax.axvline(np.exp(base), color=style.POSTERIOR, lw=0.8, ls=":")
    ax.set_yticks(range(len(ordered), -1, -1), ["headline", *(variant.name for variant in ordered[::-1])])
    ends = np.array([text.central(variant.tokens, 0.95) for variant in ordered])
    ax.set_xlim(max(ends.min() / 1.5, 1e6), min(ends.max() * 1.5, 1e17))
    style.log_axis(ax, "x")
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure


def table(study: Analysis) -> "Markdown":
    """Each variant's answer and exponent, and how it was drawn."""
    found, _ = variants(study)
    base = float(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    head = Variant(
        "**headline**", study.posterior.draws.D_opt_at(TARGET_N), np.asarray(study.posterior.draws.a), study.headline.method
    )
    return text.table(
        [
            {
                "choice": variant.name,
                "$D_{opt}$ (tokens)": text.count(float(np.median(variant.tokens))),
                "95 %": text.interval(*text.central(variant.tokens), text.count),
                "× headline": text.significant(float(np.median(variant.tokens)) / base, 2),
                "a, 95 %": text.interval(*text.central(variant.a)),
                "by": SHORT[variant.method],
            }
            for variant in (head, *found)
        ]
    )


@lru_cache(maxsize=4)
def dropped(study: Analysis) -> tuple[tuple[str, float, float, float, float], ...]:
    """Without each fit run in turn: run_id, the 2.5, 50 and 97.5 % points of D_opt at the target, and the draws' k-hat."""
    out = []
    for index, run_id in enumerate(study.fit["run_id"]):
        found = study.refit(study.fit.drop(index=index).reset_index(drop=True), draws=1000)
        low, middle, high = np.quantile(found.draws.D_opt_at(TARGET_N), [0.025, 0.5, 0.975])
        out.append((str(run_id), float(low), float(middle), float(high), found.khat))
    return tuple(out)


@style.drawn
def drop_one(study: Analysis) -> Figure:
    """The answer without each run, in the plane's order."""
    from study.figures.design import colours

    found, palette = dropped(study), colours(study)
    figure, ax = style.canvas(7.2, 3.0)
    place = {run_id: row for row, run_id in enumerate(study.fit["run_id"])}
    rows = study.fit.sort_values(["budget", "N", "seed"])
    low, high = text.central(study.fast.draws.D_opt_at(TARGET_N))
    ax.axhspan(low, high, color=style.POSTERIOR, alpha=0.12, lw=0)
    ax.axhline(float(np.median(study.fast.draws.D_opt_at(TARGET_N))), color=style.POSTERIOR, lw=1)
    for x, (run_id, budget) in enumerate(zip(rows["run_id"], rows["budget"], strict=True)):
        _, low, middle, high, _ = found[place[run_id]]
        ax.plot([x, x], [low, high], color=palette[budget], lw=1.5)
        ax.plot([x], [middle], "o", color=palette[budget], ms=3.5)
    ax.set_ylim(min(row[1] for row in found) / 1.3, max(row[3] for row in found) * 1.3)
    style.log_axis(ax, "y")
    ax.set_xticks([])
    style.panel(ax, "", "the run left out, by budget and then by size", "$D_{opt}$ at the target (tokens)")
    return figure
