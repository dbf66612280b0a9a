"""What the grids for GPUs would take: memory, device-hours, dollars and a schedule, by `study.cost`. Nothing here was run."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from study.analysis.study import Study, once
from study.analysis.tables import each
from study.articles.shared import style, text, words
from study.cost import DEVICES, FILL, Plan, device, measured_mfu, plan
from study.grids import grid

if TYPE_CHECKING:
    from IPython.display import Markdown

GRIDS, CARDS = ("lab01", "gpu"), ("a100", "h100", "h200")
COUNT = 8  # devices of one machine
PRICE = 2.5  # dollars a device-hour: an input, as in the help of `study plan`; put your own there
PARTS = ("parameters", "moments", "gradients", "activations", "logits", "overhead")  # of the memory, bottom up


@once
def planned(study: Study, name: str, card: str) -> tuple[Plan, str]:
    """A grid on `COUNT` devices, and where the share of the peak is from."""
    on = device(card)
    share, source = measured_mfu(study.folders[0] / "bench" / "gpu.json", on)
    return plan(grid(name), on, COUNT, price=PRICE, mfu=share), source


def peaks(study: Study) -> str:
    """Each card's peak in bfloat16 with its source, and the share of it that is reached."""
    found = []
    for card in CARDS:
        made, source = planned(study, "gpu", card)
        how = "assumed" if source.startswith("assumed") else "measured"
        found.append(f"{DEVICES[card].bfloat16 / 1e12:.0f} TFLOP/s ({DEVICES[card].source}), {text.percent(made.mfu)} of it {how}")
    return words.enumeration(found)


def price() -> str:
    """Dollars a device-hour."""
    return f"{PRICE:g}"


def makespan(study: Study) -> str:
    """When the larger grid ends, longest run first."""
    return text.duration(planned(study, "gpu", "h100")[0].makespan)


def above_bound(study: Study) -> str:
    """By how much that is above what no schedule beats."""
    made, _ = planned(study, "gpu", "h100")
    return text.percent(made.makespan / made.lower_bound - 1, 1)


def too_large(study: Study) -> str:
    """Runs of it that do not fit in the memory that is planned with."""
    return words.none_or(sum(bool(run.reason) for run in planned(study, "gpu", "h100")[0].runs))


def memory_share() -> str:
    """The share of a device's memory that is planned with."""
    return text.percent(FILL)


@style.drawn
def schedule(study: Study) -> Figure:
    """The larger grid on one machine: when each run would be trained, and the memory that each would need."""
    made, _ = planned(study, "gpu", "h100")
    rows = made.frame().dropna(subset=["start"])
    budgets = {cell.config.run_id: cell.budget for cell in grid("gpu").cells}
    palette = style.budget_colours(set(budgets.values()))
    figure, (left, right) = style.canvas(7.4, 3.1, 1, 2)
    for row in each(rows):
        left.barh(row.device, row.seconds / 3600, left=row.start / 3600, height=0.75, color=palette[budgets[row.run_id]],
                  edgecolor="white", lw=0.6)
    left.axvline(made.lower_bound / 3600, color=style.INK, ls=":", lw=1)
    left.set_yticks(range(COUNT))
    left.set_yticklabels([str(which + 1) for which in range(COUNT)])
    figure.legend(handles=[Patch(color=colour, label=f"{style.power(budget)} FLOP") for budget, colour in palette.items()],
                  fontsize=7, loc="outside lower left", ncols=3, frameon=False)
    style.panel(left, "schedule, longest first", "hours", "device")
    one = rows.drop_duplicates("N").sort_values("N")
    shades, bottom = style.size_colours(range(len(PARTS))), 0.0 * one["memory"].to_numpy()
    for index, part in enumerate(PARTS):
        right.fill_between(one["N"], bottom, bottom + one[part] / 1e9, color=shades[index], lw=0, label=part)
        bottom = bottom + one[part].to_numpy() / 1e9
    right.axhline(FILL * made.device.memory / 1e9, color=style.INK, ls=":", lw=1)
    right.set_xlim(float(one["N"].min()), float(one["N"].max()))
    right.set_ylim(0, None)
    figure.legend(*right.get_legend_handles_labels(), fontsize=7, loc="outside lower right", ncols=3, frameon=False)
    style.log_axis(right, "x")
    style.panel(right, "memory of a run", "parameters $N$", "GB")
    return figure


def table(study: Study) -> "Markdown":
    """Each GPU grid on three cards."""
    rows = []
    for name in GRIDS:
        for card in CARDS:
            made, _ = planned(study, name, card)
            rows.append({
                "grid": f"`{name}`",
                "devices": f"{made.count} × {card.upper()}",
                "runs": str(len(made.runs)),
                "FLOP with evaluations": text.power(sum(run.flops for run in made.runs)),
                "largest run (GB)": text.significant(max(run.memory.total for run in made.runs) / 1e9, 2),
                "do not fit": str(sum(bool(run.reason) for run in made.runs)),
                "device-hours": text.significant(made.device_hours),
                "dollars": text.significant(made.dollars or 0.0),
                "makespan (h)": text.significant(made.makespan / 3600),
                "lower bound (h)": text.significant(made.lower_bound / 3600),
            })
    return text.table(rows, left=("devices",))
