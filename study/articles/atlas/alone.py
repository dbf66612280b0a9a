"""Each table alone: where it is from, its exponents, its forecast of its own top budget, and the exponents it is known for."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from study.analysis import your_runs
from study.articles.atlas import shown
from study.articles.shared import style, text, words
from study.atlas.read import Atlas
from study.atlas.verdicts import FORECAST_HELD, forecast_holds

if TYPE_CHECKING:
    from IPython.display import Markdown

FEW = 4  # runs of a top budget
SYMBOLS = {"alpha": "α", "beta": "β"}
COUNTS = {"multiplying": "multiplying", "total": "total", "non_embedding": "no embedding"}


def listing(atlas: Atlas) -> "Markdown":
    """Every table: who, how many runs, over which sizes and up to which compute, and how trained."""
    rows = []
    for name, row in sorted(atlas.alone.items()):
        source = row["source"]
        rows.append({
            "table": name + ("" if source["pooled"] else "*"), "laboratory": row["laboratory"], "rows": str(row["rows"]),
            "N": f"{text.short(row['N'][0])}–{text.short(row['N'][1])}", "largest C (FLOP)": text.power(row["C"][1]),
            "N counts": COUNTS[source["N_convention"]], "decayed": "yes" if source["decayed"] else "no",
            "tuned": "yes" if source["tuned"] else "no"})
    return text.table(rows, left=("laboratory", "N counts"))


def left_out(atlas: Atlas) -> "Markdown":
    """What could not enter, and why."""
    return text.table([{"table": name, "why": reason.split(": ", 1)[-1]} for name, reason in atlas.population["left_out"].items()],
                      left=("why",))


def left_out_count(atlas: Atlas) -> str:
    """How many those are."""
    return str(len(atlas.population["left_out"]))


@style.drawn
def exponents(atlas: Atlas) -> Figure:
    """alpha, beta and a of every table alone."""
    rows = atlas.alone
    figure, axes = style.canvas(7.4, 0.17 * len(rows) + 0.9, 1, 3, sharey=True)
    for ax, (key, title) in zip(axes, (("alpha", r"$\alpha$"), ("beta", r"$\beta$"), ("a", r"$a$")), strict=True):
        for y, row in enumerate(rows.values()):
            shown.bar(ax, y, row[key], style.POSTERIOR)
        ax.grid(visible=False, axis="y")
        ax.set_ylim(-0.7, len(rows) - 0.3)
        style.panel(ax, title)
    axes[2].axvline(0.5, color=style.MUTED, lw=0.8, ls="--")
    axes[0].set_yticks(range(len(rows)), list(rows))
    return figure


def exponent_range(atlas: Atlas) -> str:
    """The smallest and largest median of a among pooled tables."""
    medians = [row["a"]["point"] for row in atlas.pooled.values()]
    return f"{min(medians):.2f} to {max(medians):.2f}"


def summary(atlas: Atlas) -> "Markdown":
    """Exponent, D/N at 1e21, E and the forecast of each pooled table."""
    rows = []
    for name, row in atlas.pooled.items():
        forecast, E = row["forecast"], row["E_per_byte"]
        rows.append({
            "table": name, "a": shown.both(row["a"]), "D/N at 10²¹": shown.both(row["ratio_large"]),
            "E (nats/byte)": shown.both(E) if E else text.ABSENT,
            "forecast in 95 %": f"{forecast['inside']['95']} of {forecast['predicted']}" if forecast else text.ABSENT,
            "error (s.d.)": text.signed(forecast["mean_error"], 1) if forecast else text.ABSENT})
    return text.table(rows)


@style.drawn
def forecasts(atlas: Atlas) -> Figure:
    """Share of the top budget's runs inside the 95 % predictive interval, by table."""
    rows = {name: row for name, row in atlas.pooled.items() if row["forecast"]}
    figure, ax = style.canvas(7.0, 0.17 * len(rows) + 0.8)
    for y, row in enumerate(rows.values()):
        share = row["forecast"]["inside"]["95"] / row["forecast"]["predicted"]
        ax.plot([0, share], [y, y], color=style.GRID, lw=1.2)
        ax.plot([share], [y], "o", color=style.POSTERIOR if forecast_holds(row) else style.KAPLAN, ms=4.5)
        ax.annotate(f"{row['forecast']['inside']['95']}/{row['forecast']['predicted']}", (share, y), xytext=(6, 0),
                    textcoords="offset points", va="center", fontsize=6.5, annotation_clip=False)
    ax.axvline(0.95, color=style.MUTED, lw=0.8, ls="--")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_xlim(-0.03, 1.09)
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "share of the held-out runs inside the interval")
    return figure


def forecasts_hold(atlas: Atlas) -> str:
    """Tables whose forecast holds, of those that have one."""
    found = [row for row in atlas.pooled.values() if row["forecast"]]
    return f"{sum(map(forecast_holds, found))} of {len(found)}"


def forecasts_small(atlas: Atlas) -> str:
    """Those of them whose top budget has at most `FEW` runs."""
    held = [row["forecast"] for row in atlas.pooled.values() if row["forecast"] and forecast_holds(row)]
    return words.none_or(sum(found["predicted"] <= FEW for found in held))


def few_runs() -> str:
    """So few runs are little of a test."""
    return words.number_word(FEW)


def too_high(atlas: Atlas) -> str:
    """Tables whose forecast is too high on average."""
    found = [row["forecast"]["mean_error"] for row in atlas.pooled.values() if row["forecast"]]
    return f"{sum(error < 0 for error in found)} of {len(found)}"


def forecast_share() -> str:
    """The share of the held-out runs that its intervals must hold."""
    return text.percent(FORECAST_HELD)


def known(atlas: Atlas) -> "Markdown":
    """Exponents that are stated for a table, and what it says here."""
    rows = []
    for name, row in atlas.alone.items():
        for quantity, found in row["known"].items():
            here = shown.both(row[quantity], text.significant)
            rows.append({"table": name, "quantity": SYMBOLS.get(quantity, quantity), "stated": f"{found['stated']:g}", "here": here,
                         "inside": "yes" if found["inside"] else "no"})
    return text.table(rows)


def kaplan_form() -> str:
    """The exponent a of Kaplan's form on the rows of (Mis)fitting, as the page on a user's runs has it."""
    return shown.both(your_runs.recorded().fit["forms"]["kaplan"]["a"])


def known_inside(atlas: Atlas) -> str:
    """How many of them lie inside."""
    found = [each["inside"] for row in atlas.alone.values() for each in row["known"].values()]
    return f"{sum(found)} of {len(found)}"
