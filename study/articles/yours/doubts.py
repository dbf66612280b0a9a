"""What speaks against the fit: the forecast test, the residuals, other forms."""

from typing import TYPE_CHECKING, Literal

from matplotlib.figure import Figure

from study.analysis.your_runs import YourRuns
from study.articles.shared import style, text, words
from study.fit.argument import AS_WELL
from study.fit.words import FORMS

if TYPE_CHECKING:
    from IPython.display import Markdown


def forecast_word(runs: YourRuns) -> Literal["passes", "fails"]:
    """Whether the fit passes its forecast test."""
    return "passes" if runs.fit["forecast"]["passed"] else "fails"


def held_out(runs: YourRuns) -> str:
    """Runs of most compute that were left out."""
    return words.number_word(runs.fit["forecast"]["held_out"])


def inside(runs: YourRuns) -> str:
    """How many of them fell inside their 95 % intervals."""
    return words.none_or(runs.fit["forecast"]["inside"]["95"])


def error(runs: YourRuns) -> str:
    """Their mean error in predictive s.d."""
    return text.signed(runs.fit["forecast"]["mean_error_sd"], 1)


def error_percent(runs: YourRuns) -> str:
    """The same in percent of the loss."""
    return text.signed(runs.fit["forecast"]["mean_error_percent"], 1)


def reach(runs: YourRuns) -> str:
    """Compute of the largest of them over the largest that was fitted."""
    return text.two(runs.fit["forecast"]["reach"])


def count(runs: YourRuns) -> str:
    """Doubts, as a word."""
    return words.none_or(len(runs.fit["doubts"]))


def listing(runs: YourRuns) -> "Markdown":
    """Every doubt as the command prints it."""
    return text.table([{"kind": doubt["kind"], "what was found": doubt["text"], "severe": "yes" if doubt["severe"] else "no"}
                       for doubt in runs.fit["doubts"]] or [{"kind": text.ABSENT, "what was found": "none", "severe": text.ABSENT}],
                      left=("kind", "what was found"))


def forms(runs: YourRuns) -> "Markdown":
    """Predictive density of each form beside Hoffmann's."""
    fitted = {form: body for form, body in runs.fit["forms"].items() if form in FORMS and "elpd" in body}
    base = fitted["hoffmann"]["elpd"]
    return text.table([{"form": FORMS[form], "elpd against Hoffmann's": text.signed(body["elpd"] - base, 1),
                        "a": text.two(body["a"]["point"])} for form, body in fitted.items()], left=("form",))


def drift(runs: YourRuns) -> str:
    """Along which axes the residuals drift: their 95 % intervals exclude zero."""
    axes = [f"ln {trend['axis']}" for trend in runs.fit["trends"] if not trend["ci95"][0] <= 0 <= trend["ci95"][1]]
    return f"drift with {words.enumeration(axes)}" if axes else "show no clear drift"


def as_well() -> str:
    """The elpd below the best form's within which a form is part of the widened interval."""
    return f"{AS_WELL:g}"


def stretch(runs: YourRuns) -> str:
    """The factor by which each part of the widened interval is stretched."""
    return text.two(max(1.0, runs.fit["forecast"]["rms_error_sd"]))


@style.drawn
def trends(runs: YourRuns) -> Figure:
    """The drift of the residuals along each axis, in percent of the loss a decade."""
    found = runs.fit["trends"]
    figure, ax = style.canvas(6.4, 0.34 * len(found) + 0.8)
    for y, trend in enumerate(reversed(found)):
        ax.plot([100 * end for end in trend["ci95"]], [y, y], color=style.POSTERIOR, lw=1.6, solid_capstyle="butt")
        ax.plot([100 * trend["slope"]], [y], "o", color="white", mec=style.POSTERIOR)
    ax.axvline(0.0, color=style.MUTED, lw=0.8, ls="--")
    ax.set_yticks(range(len(found)), [f"ln {trend['axis']}" for trend in reversed(found)])
    ax.set_ylim(-0.6, len(found) - 0.4)
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "drift of the residuals (% of the loss a decade)")
    return figure
