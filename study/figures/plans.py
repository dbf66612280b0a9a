"""What the grids for GPUs would take: memory, device-hours, dollars and a schedule, by `study.cost`. Nothing here was run."""

from functools import lru_cache
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from study.cost import DEVICES, FILL, Plan, device, measured_mfu, plan
from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.frames import each
from study.grids import grid

if TYPE_CHECKING:
    from IPython.display import Markdown

GRIDS, CARDS = ("lab01", "gpu"), ("a100", "h100", "h200")
COUNT = 8  # devices of one machine
PRICE = 2.5  # dollars a device-hour: an input, as in the help of `study plan`; put your own there
PARTS = ("parameters", "moments", "gradients", "activations", "logits", "overhead")  # of the memory, bottom up


@lru_cache(maxsize=16)
def planned(study: Analysis, name: str, card: str) -> tuple[Plan, str]:
    """A grid on `COUNT` devices, and where the share of the peak is from."""
    on = device(card)
    share, source = measured_mfu(study.runs / "bench" / "gpu.json", on)
    return plan(grid(name), on, COUNT, price=PRICE, mfu=share), source


@style.drawn
def schedule(study: Analysis) -> Figure:
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


def table(study: Analysis) -> "Markdown":
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


def assumed(study: Analysis) -> str:
    """What the plan rests on: peaks by data sheets, the share of them that is reached on each, the price."""
    peaks = []
    for card in CARDS:
        made, source = planned(study, "gpu", card)
        how = "assumed" if source.startswith("assumed") else "measured"
        peaks.append(f"{DEVICES[card].bfloat16 / 1e12:.0f} TFLOP/s ({DEVICES[card].source}), {text.percent(made.mfu)} of it {how}")
    return f"Peaks in bfloat16 are {text.enumeration(peaks)}; a device-hour is put at {PRICE} dollars."


def packed(study: Analysis) -> str:
    """How close the schedule comes to what no schedule beats."""
    made, _ = planned(study, "gpu", "h100")
    return (
        f"Longest first, the grid ends after {text.duration(made.makespan)}, "
        f"{text.percent(made.makespan / made.lower_bound - 1, 1)} above the lower bound (dotted); every run fits below the "
        f"{text.percent(FILL)} of the memory that is planned with (dotted)."
        if not any(run.reason for run in made.runs)
        else f"Longest first, the grid ends after {text.duration(made.makespan)}; "
        f"{text.number_word(sum(bool(run.reason) for run in made.runs))} of its runs do not fit in the memory."
    )
