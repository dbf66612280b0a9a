"""Where the numbers come from: commits, hashes, machines, hours."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from study.analysis.study import Study
from study.articles.shared import text
from study.record import RunRecord

if TYPE_CHECKING:
    from IPython.display import Markdown


def table(study: Study) -> "Markdown":
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
        "wall-hours": text.significant(sum(record.timing.total_wall for record in records) / 3600, 3),
        "CPU-hours": text.significant(sum(record.timing.total_cpu for record in records) / 3600, 3),
        "exact FLOP": text.power(sum(record.flops_exact for record in records), 3),
        "resumptions": str(sum(record.timing.resumed for record in records)),
        "dollars": text.significant(sum(dollars), 3) if len(dollars) == len(records) else "no price given" if not dollars
        else f"{text.significant(sum(dollars), 3)} for the {len(dollars)} with a price",
    }


def _counted(values: Iterable[str]) -> str:
    found = Counter(values)
    return ", ".join(name if len(found) == 1 else f"{name} ({times})" for name, times in found.most_common())
