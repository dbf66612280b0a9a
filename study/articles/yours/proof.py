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


def _of(body: dict[str, Any], rule: str, measure: str = "to", slack: str = "1") -> dict[str, Any]:
    """What a rule needs for a multiple of the width of all runs: "to" by the interval score, "to_width" by the width alone."""
    found: dict[str, Any] = body["rules"][rule][measure][slack]
    return found


def _shares(runs: YourRuns) -> list[float | None]:
    return [_of(body, RULE)["median_share_of_own_order"] for body in runs.replays.values()]


def within_half(runs: YourRuns) -> str:
    """Tables, of all, on which the rule needs at most half of the own order's FLOP for the score of all runs."""
    shares = _shares(runs)
    return f"{words.none_or(sum(share is not None and share <= HALF for share in shares))} of {words.number_word(len(shares))}"


def worse(runs: YourRuns) -> str:
    """Tables on which it needs more than the own order."""
    return words.none_or(sum(share is not None and share > 1 for share in _shares(runs)))


def listed(runs: YourRuns) -> str:
    """The median share of each table, with its quartiles."""
    return words.enumeration([f"{name} {_two(_of(body, RULE)['median_share_of_own_order'])}{_quartiles(body)}"
                              for name, body in runs.replays.items()])


def _quartiles(body: dict[str, Any]) -> str:
    found = _of(body, RULE)["quartiles_of_share"]
    return f" {text.interval(found[0], found[1], text.two)}" if found else ""


def known_law(runs: YourRuns) -> str:
    """The range of the shares that a law known beforehand needs on the smallest table, and its name."""
    name, body = min(runs.replays.items(), key=lambda item: item[1]["rows"])
    shares = list(body["known_law"].values())
    return f"{text.two(min(shares))} to {text.two(max(shares))} on {name}"


def beyond_known(runs: YourRuns) -> str:
    """Cells of the table, of all that have both, in which the rule needs a smaller share than a known law does."""
    both = [(_of(body, RULE, slack=slack)["median_share_of_own_order"], share) for body in runs.replays.values()
            for slack, share in body["known_law"].items()]
    found = [mine < known for mine, known in both if mine is not None and known is not None]
    return f"{sum(found)} of {len(found)}"


def never_held(runs: YourRuns) -> str:
    """The tables on which the rule's interval never holds the answer of all rows when it is first as narrow as theirs."""
    return _never_held(runs, RULE)


def own_never_held(runs: YourRuns) -> str:
    """And in the tables' own order."""
    return _never_held(runs, OWN)


def _never_held(runs: YourRuns, rule: str) -> str:
    return words.enumeration([name for name, body in runs.replays.items() if body["rules"].get(rule, {}).get("held_at_width") == 0])


def starts(runs: YourRuns) -> str:
    """The fewest starts of any table."""
    return str(min(body["rules"][RULE]["starts"] for body in runs.replays.values()))


def comparison(runs: YourRuns) -> "Markdown":
    """FLOP of each rule over those of the own order, by score and table, beside a law known beforehand."""
    rows = []
    for name, body in runs.replays.items():
        for rule, found in body["rules"].items():
            if rule == OWN:
                continue
            rows.append({"table": name, "rule": rule, "starts": str(found["starts"]),
                         **{f"× {slack}": _two(_of(body, rule, slack=slack)["median_share_of_own_order"]) for slack in SHOWN},
                         "width alone": _two(_of(body, rule, "to_width")["median_share_of_own_order"]),
                         "holds": _held(found), "holds, own order": _held(body["rules"].get(OWN, {}))})
        rows.append({"table": name, "rule": "law known", "starts": text.ABSENT,
                     **{f"× {slack}": _two(body["known_law"].get(slack)) for slack in SHOWN}, "width alone": text.ABSENT,
                     "holds": text.ABSENT, "holds, own order": text.ABSENT})
    return text.table(rows, left=("table", "rule"))


def _held(found: dict[str, Any]) -> str:
    share = found.get("held_at_width")
    return text.ABSENT if share is None else text.percent(share)


def _two(share: float | None) -> str:
    return text.ABSENT if share is None else text.two(share)


@style.drawn
def paths(runs: YourRuns) -> Figure:
    """Interval score by FLOP of the rule and of the own order, a thin line a start, by table."""
    names = list(runs.replays)
    columns = min(2, len(names))
    figure, axes = style.canvas(7.2, 2.3 * -(-len(names) // columns), -(-len(names) // columns), columns, squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        body = runs.replays[name]
        for rule, colour in ((OWN, style.MUTED), (RULE, style.POSTERIOR)):
            for path in body["rules"].get(rule, {}).get("paths", [])[:12]:
                flops, score = np.array(path["flops"]) / body["flops_of_all"], np.array(path["score"]) / body["width_of_all"]
                ax.plot(flops, score, color=colour, lw=0.8, alpha=0.6)
        ax.axhline(1.0, color=style.INK, lw=0.8, ls="--")
        style.log_axis(ax, "x", style.power, most=3)
        style.log_axis(ax, "y", style.plain, most=4)
        style.panel(ax, name, "FLOP / FLOP of all runs")
    for ax in axes.flat[len(names):]:
        ax.set_visible(False)
    for row in axes:
        row[0].set_ylabel("score / that of all runs")
    axes[0][0].text(0.97, 0.9, "by information", color=style.POSTERIOR, ha="right", transform=axes[0][0].transAxes)
    axes[0][0].text(0.97, 0.78, "own order", color=style.MUTED, ha="right", transform=axes[0][0].transAxes)
    return figure
