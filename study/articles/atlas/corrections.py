"""Chinchilla's points by three readers, and the corrections of Porian et al. one by one."""

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from study.articles.atlas import shown
from study.articles.shared import style, text, words
from study.atlas.read import Atlas
from study.atlas.verdicts import forecast_holds

if TYPE_CHECKING:
    from IPython.display import Markdown

READINGS = {"chinchilla": "Besiroglu et al.", "chinchilla-takano": "Takano", "chinchilla-scalefit": "ml-scalefit"}
STEPS = {"kaplan": "as Kaplan et al.", "head": "the head counts", "warmup": "short warm-up", "decay": "decay to the run's end",
         "tuned": "tuned, no decay"}
NEAR = 0.02  # of a stated exponent: an exponent by parabolas that close is the same


def readings(atlas: Atlas) -> "Markdown":
    """One figure read three times."""
    rows = [(label, atlas.alone[name]) for name, label in READINGS.items() if name in atlas.alone]
    return text.table([{"reading": label, "points": str(row["rows"]), "α": shown.both(row["alpha"], text.significant),
                        "β": shown.both(row["beta"], text.significant), "E": shown.both(row["E"], text.significant),
                        "D/N at 10²¹": shown.both(row["ratio_large"])} for label, row in rows])


@style.drawn
def steps(atlas: Atlas) -> Figure:
    """The exponent of N_opt along the corrections: stated, by parabolas here, and by the law of all points."""
    figure, axes = style.canvas(7.2, 2.9, 1, 2, sharey=True)
    for ax, corpus in zip(axes, ("refinedweb", "openwebtext2"), strict=True):
        for x, step in enumerate(STEPS):
            row = atlas.alone.get(f"porian-{corpus}-{step}")
            if row is None:
                continue
            ax.plot([x, x], row["a"]["ci95"], color=style.POSTERIOR, lw=1.6)
            ax.plot([x], [row["a"]["point"]], "o", color="white", mec=style.POSTERIOR)
            if row["parabolas"] is not None:
                ax.plot([x - 0.15], [row["parabolas"]], "s", color=style.REFIT, ms=4.5)
            if "a" in row["known"]:
                ax.plot([x + 0.15], [row["known"]["a"]["stated"]], "D", color=style.INK, ms=4)
        ax.axhline(0.5, color=style.MUTED, lw=0.8, ls="--")
        ax.set_xticks(range(len(STEPS)), [label.replace(" ", "\n", 1) for label in STEPS.values()], fontsize=7)
        style.panel(ax, {"refinedweb": "RefinedWeb", "openwebtext2": "OpenWebText2"}[corpus])
    axes[0].set_ylabel("exponent $a$ of $N_{opt}$")
    for label, colour, height in (("stated", style.INK, 0.94), ("parabolas", style.REFIT, 0.86), ("law", style.POSTERIOR, 0.78)):
        axes[1].text(0.98, height, label, color=colour, ha="right", transform=axes[1].transAxes)
    return figure


def _stated(atlas: Atlas) -> dict[str, dict[str, Any]]:
    rows = {step: atlas.alone[f"porian-refinedweb-{step}"] for step in STEPS}
    return {step: row for step, row in rows.items() if "a" in row["known"]}


def _gaps(atlas: Atlas) -> dict[str, float]:
    """By step, the exponent by parabolas less the stated one."""
    return {step: row["parabolas"] - row["known"]["a"]["stated"] for step, row in _stated(atlas).items()}


def near() -> str:
    """How close to a stated exponent counts as the same."""
    return f"{NEAR:g}"


def near_steps(atlas: Atlas) -> str:
    """The steps whose exponent by parabolas is that close to the stated one."""
    return words.enumeration([step for step, gap in _gaps(atlas).items() if abs(gap) <= NEAR])


def far_steps(atlas: Atlas) -> str:
    """The others, each with its exponent by parabolas less the stated one."""
    return words.enumeration([f"{step} ({text.signed(gap)})" for step, gap in _gaps(atlas).items() if abs(gap) > NEAR])


def outside_steps(atlas: Atlas) -> str:
    """The steps whose stated exponent lies outside the 95 % interval of the law of all points."""
    return words.enumeration([step for step, row in _stated(atlas).items() if not row["known"]["a"]["inside"]])


def _forecast(atlas: Atlas, step: str) -> str:
    found = atlas.alone[f"porian-refinedweb-{step}"]["forecast"]
    return f"{found['inside']['95']} of {found['predicted']}"


def decay_forecast(atlas: Atlas) -> str:
    """Runs of the top budget inside the 95 % intervals of the forecast, at the step decay."""
    return _forecast(atlas, "decay")


def tuned_forecast(atlas: Atlas) -> str:
    """The same at the step tuned."""
    return _forecast(atlas, "tuned")


def misfit(atlas: Atlas) -> str:
    """The mean error of the forecast at the step decay, in predictive s.d."""
    return text.signed(atlas.alone["porian-refinedweb-decay"]["forecast"]["mean_error"], 1)


def explained(atlas: Atlas) -> str:
    """Whether every step whose law misses the stated exponent also fails its forecast."""
    missed = [row for row in _stated(atlas).values() if not row["known"]["a"]["inside"]]
    return "does not explain" if any(map(forecast_holds, missed)) else "may explain"
