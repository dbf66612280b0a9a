"""What the study cannot say, and where its numbers come from."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import CHINCHILLA_C, TARGET_N, Analysis
from study.record import RunRecord

if TYPE_CHECKING:
    from IPython.display import Markdown


def provenance(study: Analysis) -> "Markdown":
    """Commits, hashes, machine, hours and dollars of the grid's records, and of the sweep's."""
    rows = []
    sources = {f"grid `{study.grid.name}`": list(study.records.values())}
    if study.sweep_records:
        sources["sweep"] = list(study.sweep_records.values())
    facts = {name: _facts(records) for name, records in sources.items()}
    for item in next(iter(facts.values())):
        rows.append({"": item, **{name: facts[name][item] for name in facts}})
    return text.table(rows, left=tuple(facts))


def _facts(records: list[RunRecord]) -> dict[str, str]:
    of = [record.provenance for record in records]
    dollars = [record.dollars for record in records if record.dollars is not None]
    return {
        "records": str(len(records)),
        "commits (runs each)": _counted(p.git_commit[:10] + (" + changes" if p.git_dirty else "") for p in of),
        "lock, sha256": _counted(p.lock_sha256[:12] or "none" for p in of),
        "corpus, sha256": _counted(p.corpus_sha256[:12] for p in of),
        "processor": _counted(p.cpu for p in of),
        "device": _counted(p.device for p in of),
        "threads a process": _counted(str(p.threads) for p in of),
        "torch": _counted(p.torch for p in of),
        "Python": _counted(p.python for p in of),
        "first run started (UTC)": min(p.started for p in of),
        "last run finished (UTC)": max(p.finished for p in of),
        "process-hours": text.significant(sum(record.timing.total_wall for record in records) / 3600, 3),
        "CPU-hours": text.significant(sum(record.timing.total_cpu for record in records) / 3600, 3),
        "exact FLOP": text.power(sum(record.flops_exact for record in records), 3),
        "resumptions": str(sum(record.timing.resumed for record in records)),
        "dollars": text.significant(sum(dollars), 3) if len(dollars) == len(records) else "no price given" if not dollars
        else f"{text.significant(sum(dollars), 3)} for the {len(dollars)} with a price",
    }


def _counted(values: Iterable[str]) -> str:
    found = Counter(values)
    return ", ".join(name if len(found) == 1 else f"{name} ({times})" for name, times in found.most_common())


@style.drawn
def extrapolation(study: Analysis) -> Figure:
    """How far each question lies beyond the runs: in N, D and C."""
    figure, ax = style.canvas(7.0, 2.6)
    tokens = float(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    rows = [
        ("parameters $N$", study.fit["N"], TARGET_N),
        ("tokens $D$", study.fit["D"], tokens),
        ("compute $C$", study.fit["C"], 6 * TARGET_N * tokens),
    ]
    for y, (_, values, asked) in enumerate(rows[::-1]):
        low, high = float(values.min()), float(values.max())
        ax.plot([low, high], [y, y], color=style.POSTERIOR, lw=7, solid_capstyle="butt")
        ax.plot([high, asked], [y, y], color=style.FAINT, lw=1.2, ls=":")
        ax.plot([asked], [y], "o", color=style.INK, ms=6)
        ax.annotate(
            f"× {asked / high:,.0f}" if asked / high < 1e5 else f"× {style.power(asked / high)}",
            ((high * asked) ** 0.5, y),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.set_yticks(range(3), [name for name, _, _ in rows[::-1]])
    ax.set_ylim(-0.6, 2.6)
    ax.set_xlim(float(study.fit["N"].min()) / 3, CHINCHILLA_C)
    style.log_axis(ax, "x", style.power)
    ax.text(float(study.fit["N"].max()), 2.35, " fitted", color=style.POSTERIOR, fontsize=8)
    ax.text(TARGET_N, 2.35, "asked", color=style.INK, fontsize=8, ha="center")
    style.panel(ax, "", "count (parameters, tokens, FLOP)")
    return figure
