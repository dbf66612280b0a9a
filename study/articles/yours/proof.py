"""The evidence: finished tables replayed."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from study.analysis.your_runs import YourRuns
from study.articles.shared import style, text, words

if TYPE_CHECKING:
    from IPython.display import Markdown

RULE, OWN = "information", "own order"
HALF = 0.5  # of the own order's FLOP: what was asked of the rule
SHOWN = ("1", "1.1", "1.25", "1.5", "2")  # times the width of all runs


def _shares(body: dict[str, Any], rule: str = RULE) -> dict[str, float | None]:
    to = body["rules"].get(rule, {}).get("to", {})
    return {slack: found["median_share_of_own_order"] for slack, found in to.items()}


def tables(runs: YourRuns) -> str:
    """Tables that were replayed."""
    return words.number_word(len(runs.replays))


def reached(runs: YourRuns) -> str:
    """Of them, those where the rule needs at most half of the own order's FLOP for the width of all runs."""
    shares = [_shares(body).get("1") for body in runs.replays.values()]
    return words.none_or(sum(share is not None and share <= HALF for share in shares))


def listed(runs: YourRuns) -> str:
    """Their names, with the median share of each and its quartiles."""
    return words.enumeration([f"{name} {text.two(share)}{_quartiles(body)}" for name, body in runs.replays.items()
                              if (share := _shares(body).get("1")) is not None])


def _quartiles(body: dict[str, Any]) -> str:
    found = body["rules"][RULE]["to"]["1"].get("quartiles_of_share")
    return f" {text.interval(found[0], found[1], text.two)}" if found else ""


def lacking(runs: YourRuns) -> str:
    """The others: those where it needs more than that, or more than the own order itself."""
    shares = [_shares(body).get("1") for body in runs.replays.values()]
    return words.none_or(sum(share is not None and share > HALF for share in shares))


def worse(runs: YourRuns) -> str:
    """Of them, those where it needs more than the own order."""
    shares = [_shares(body).get("1") for body in runs.replays.values()]
    return words.none_or(sum(share is not None and share > 1 for share in shares))


def known_law(runs: YourRuns) -> str:
    """The range of the shares that a law known beforehand needs on the smallest table, and its name."""
    name, body = min(runs.replays.items(), key=lambda item: item[1]["rows"])
    shares = list(body["known_law"].values())
    return f"{text.two(min(shares))} to {text.two(max(shares))} on {name}"


def never_held(runs: YourRuns) -> str:
    """The tables where the rule's interval never holds the answer of all rows when it has first reached their width."""
    return words.enumeration([name for name, body in runs.replays.items()
                              if body["rules"][RULE].get("final_interval_holds_the_answer") == 0])


def starts(runs: YourRuns) -> str:
    """The fewest starts of any table."""
    return str(min(body["rules"][RULE]["starts"] for body in runs.replays.values()))


def comparison(runs: YourRuns) -> "Markdown":
    """FLOP of each rule over those of the own order, by width and table, beside a law known beforehand."""
    rows = []
    for name, body in runs.replays.items():
        for rule in body["rules"]:
            rows.append({"table": name, "rule": rule, "starts": str(body["rules"][rule]["starts"]),
                         **{f"× {slack}": _two(_shares(body, rule).get(slack)) for slack in SHOWN},
                         "holds": text.percent(body["rules"][rule]["final_interval_holds_the_answer"])})
        rows.append({"table": name, "rule": "law known", "starts": text.ABSENT,
                     **{f"× {slack}": _two(body["known_law"].get(slack)) for slack in SHOWN}, "holds": text.ABSENT})
    return text.table(rows, left=("table", "rule"))


def _two(share: float | None) -> str:
    return text.ABSENT if share is None else text.two(share)


@style.drawn
def paths(runs: YourRuns) -> Figure:
    """Width by FLOP of the rule and of the own order, a thin line a start, by table."""
    names = list(runs.replays)
    columns = min(2, len(names))
    figure, axes = style.canvas(7.2, 2.3 * -(-len(names) // columns), -(-len(names) // columns), columns, squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        body = runs.replays[name]
        for rule, colour in ((OWN, style.MUTED), (RULE, style.POSTERIOR)):
            for path in body["rules"].get(rule, {}).get("paths", [])[:12]:
                flops, width = np.array(path["flops"]) / body["flops_of_all"], np.array(path["width"]) / body["width_of_all"]
                ax.plot(flops, width, color=colour, lw=0.8, alpha=0.6)
        ax.axhline(1.0, color=style.INK, lw=0.8, ls="--")
        style.log_axis(ax, "x", style.power, most=3)
        style.log_axis(ax, "y", style.plain, most=4)
        style.panel(ax, name, "FLOP / FLOP of all runs")
    for ax in axes.flat[len(names):]:
        ax.set_visible(False)
    for row in axes:
        row[0].set_ylabel("width / width of all runs")
    axes[0][0].text(0.97, 0.9, "by information", color=style.POSTERIOR, ha="right", transform=axes[0][0].transAxes)
    axes[0][0].text(0.97, 0.78, "own order", color=style.MUTED, ha="right", transform=axes[0][0].transAxes)
    return figure
