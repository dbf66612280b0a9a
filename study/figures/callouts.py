"""Callouts printed where records are missing, so that nothing is left out silently. Cells run them with `output: asis`."""

from pathlib import Path

from study.figures import chinchilla
from study.figures.analysis import Analysis
from study.figures.corpora import corpus_summary
from study.figures.findings import done


def callout(kind: str, title: str, body: str) -> None:
    """Print one callout in Quarto's div syntax."""
    print(f"::: {{.callout-{kind}}}\n## {title}\n\n{body}\n:::\n")


def incomplete(study: Analysis) -> None:
    """A warning while planned runs are missing."""
    if len(study.frame) < len([cell for cell in study.grid.cells if cell.split != "tuning"]):
        callout("warning", "The grid is not complete", done(study))


def small_grid(study: Analysis) -> None:
    """A warning when the page shows a grid that is no study."""
    if not study.held_out_budgets:
        callout(
            "warning",
            "A rehearsal, not the study",
            f"This page shows the grid `{study.grid.name}` of {len(study.fit)} small runs. "
            "It has no held-out budget; its answers exercise the pipeline and mean little by themselves.",
        )


def no_held_out(study: Analysis) -> None:
    """A warning where the held-out budget is missing."""
    if not len(study.held_out):
        planned = [cell for cell in study.grid.cells if cell.split == "held-out"]
        why = (
            f"{len(planned)} held-out runs are planned and none is recorded."
            if planned
            else f"The grid `{study.grid.name}` plans no held-out budget."
        )
        callout("warning", "No held-out budget", why)


def no_sweep(study: Analysis) -> None:
    """A warning where no sweep belongs to the grid."""
    if not len(study.sweep):
        callout("note", "No sweep", f"No sweep on the corpus `{study.grid.corpus}` is recorded under `{study.runs}`.")


def no_published(study: Analysis) -> None:
    """A warning where the published table is recorded or missing."""
    found = chinchilla.fits(study)
    if found is None:
        callout("warning", "No published table", chinchilla.MISSING)
    elif found.recorded:
        callout("note", "Recorded summary", f"The fits below were recorded earlier, because {found.reason}")


def no_corpus(study: Analysis) -> None:
    """A note where the corpus was never summarised."""
    if corpus_summary(study.grid.corpus, study.runs) is None:
        callout(
            "note",
            "No summary of the corpus",
            f"No summary of `{study.grid.corpus}` is recorded under `{study.runs}/corpora`.",
        )


def no_calibration(study: Analysis) -> None:
    """A warning where no calibration study is recorded."""
    if not list((study.runs / "calibration").glob("*.json")) and not list(Path("runs/calibration").glob("*.json")):
        callout("warning", "No calibration records", "No simulation-based calibration is recorded: run `study calibrate`.")
