"""The grid in numbers, what a FLOP is, and the corpus."""

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from study.analysis.corpora import corpus_summary
from study.analysis.study import USUAL_BYTES, Study
from study.articles.shared import style, text
from study.articles.shared.page import callout
from study.counts import config_counts, exact_flops, six_nd
from study.grids.design import Cell, language_config

if TYPE_CHECKING:
    from IPython.display import Markdown

CONVENTIONS = (
    ("multiplying", "non-embedding + unembedding", style.POSTERIOR),
    ("non_embedding", "non-embedding", style.KAPLAN),
    ("total", "total", style.HOFFMANN),
)
NAMES = {"multiplying": "the headline's", "non_embedding": "that without the unembedding", "total": "that of all parameters"}


def shares(study: Study, convention: str) -> dict[int, float]:
    """6 N D over the exact FLOPs, by width."""
    shapes = {cell.config.width: cell.config for cell in study.grid.cells}
    return {width: six_nd(shapes[width], convention) / exact_flops(shapes[width]) for width in sorted(shapes)}


def _range(study: Study, convention: str) -> str:
    found = shares(study, convention).values()
    return f"{min(found):.2f} to {max(found):.2f}"


def share_headline(study: Study) -> str:
    """6 N D over the exact cost along the ladder, with the headline's N."""
    return _range(study, "multiplying")


def share_non_embedding(study: Study) -> str:
    """The same with the non-embedding parameters alone."""
    return _range(study, "non_embedding")


def share_total(study: Study) -> str:
    """The same with all parameters."""
    return _range(study, "total")


def steadiest(study: Study) -> str:
    """The count whose share changes least along the ladder."""
    tilt = {name: max(found) / min(found) for name in NAMES if (found := shares(study, name).values())}
    return NAMES[min(tilt, key=lambda name: tilt[name])]


def bytes_a_token(study: Study) -> str:
    """Bytes of text a token of this corpus."""
    return text.significant(study.bytes_per_token)


def vocabulary(study: Study) -> str:
    """Entries of the vocabulary."""
    return f"{language_config(study.grid.cells[0].config).vocabulary:,}"


def usual_bytes() -> str:
    """Bytes a token of usual vocabularies."""
    return f"{USUAL_BYTES:.1f}"


def no_corpus(study: Study) -> None:
    """A note where the corpus was never summarised."""
    if corpus_summary(study, study.grid.corpus) is None:
        callout("note", "No summary of the corpus", f"No summary of `{study.grid.corpus}` is recorded under `runs/corpora`.")


@style.drawn
def flops(study: Study) -> Figure:
    """What 6 N D leaves out: its share of the exact FLOPs along the ladder, under three ways of counting N."""
    figure, ax = style.canvas(6.4, 3.0)
    labels, widths = [], list(shares(study, "total"))
    ax.set_xlim(widths[0] / 1.1, widths[-1] * 1.1)
    style.log_axis(ax, "x", style.plain)
    for convention, name, colour in CONVENTIONS:
        share = list(shares(study, convention).values())
        ax.plot(widths, share, "o-", color=colour, ms=3.5)
        labels.append((share[-1], name, colour))
    ax.axhline(1, color=style.MUTED, lw=0.8)
    ax.set_ylim(bottom=0)
    style.line_labels(ax, widths[-1], labels, gap=0.09)
    style.panel(ax, "", "width $d$", "$6 N D$ / exact FLOPs")
    return figure


def grid_table(study: Study) -> "Markdown":
    """One row a budget: its cells by role, its sizes and tokens, and how many runs are done."""
    done, rows = set(study.frame["run_id"]), []
    for budget in study.budgets:
        cells = [cell for cell in study.grid.planned if cell.budget == budget]
        N = [config_counts(cell.config).multiplying for cell in cells]
        D = [cell.config.tokens for cell in cells]
        rows.append(
            {
                "budget (FLOP, exact)": text.power(budget),
                "split": "held out" if budget in study.held_out_budgets else "fit",
                **{
                    name: str(_count(cells, role))
                    for name, role in (
                        ("isoFLOP", "isoflop"),
                        ("off-path", "off-path"),
                        ("repeats", "seed"),
                        ("held out", "held-out"),
                    )
                },
                "N": f"{text.count(min(N))} – {text.count(max(N))}",
                "D (tokens)": f"{text.count(min(D))} – {text.count(max(D))}",
                "done": f"{sum(cell.config.run_id in done for cell in cells)} / {len(cells)}",
            }
        )
    return text.table(rows, left=("split",))


def _count(cells: list[Cell], role: str) -> int:
    return sum(cell.role == role for cell in cells)


def corpus(study: Study) -> "Markdown":
    """Size, split, repetition and overlap of the grid's corpus and of the one it is evaluated on out of distribution."""
    names = [study.grid.corpus, *sorted({cell.config.ood_corpus for cell in study.grid.cells} - {""})]
    found = {name: summary for name in names if (summary := corpus_summary(study, name))}
    if not found:
        return text.absent("no summary of this corpus is recorded")
    rows = {name: _corpus_facts(summary) for name, summary in found.items()}
    return text.table(
        [{"": fact, **{f"`{name}`": facts[fact] for name, facts in rows.items()}} for fact in next(iter(rows.values()))]
    )


def _corpus_facts(summary: dict[str, Any]) -> dict[str, str]:
    train, validation = summary["counts"]["train"], summary["counts"]["validation"]
    return {
        "packages": str(len(summary.get("wheels", {}))) or text.ABSENT,
        "vocabulary, entries": f"{summary['vocabulary']:,}",
        "training documents": f"{train['documents']:,}",
        "training tokens": text.count(train["tokens"]),
        "training text, bytes": text.count(train["bytes"]),
        "bytes a token": text.significant(summary["bytes_per_token"]["train"]),
        "validation documents": f"{validation['documents']:,}",
        "validation tokens": text.count(validation["tokens"]),
        "lines that repeat an earlier line": text.percent(summary["line_repetition"]["lines"]),
        "validation 13-grams also in training": text.percent(summary["overlap_13gram"]),
        "validation 50-grams also in training": text.percent(summary["overlap_50gram"]),
        "sha256": f"`{summary['sha256'][:12]}`",
    }
