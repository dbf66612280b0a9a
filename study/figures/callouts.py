"""Callouts printed where records are missing, so that nothing is left out silently. Cells run them with `output: asis`."""

from study.figures import calibration, chinchilla, literature, text
from study.figures.analysis import Analysis
from study.figures.corpora import corpus_summary
from study.figures.findings import done
from study.inference.observations import collinear


def callout(kind: str, title: str, body: str) -> None:
    """Print one callout in Quarto's div syntax."""
    print(f"::: {{.callout-{kind}}}\n## {title}\n\n{body}\n:::\n")


def incomplete(study: Analysis) -> None:
    """A warning while planned runs are missing."""
    if len(study.frame) < len(study.grid.planned):
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
        planned = study.grid.of("held-out")
        why = (
            f"{len(planned)} held-out runs are planned and none is recorded."
            if planned
            else f"The grid `{study.grid.name}` plans no held-out budget."
        )
        callout("warning", "No held-out budget", why)


def failed(study: Analysis) -> None:
    """A note with the runs that diverged or failed, where there are any."""
    bad = [record for record in (*study.records.values(), *study.sweep_records.values()) if record.status != "complete"]
    if bad:
        callout("note", "Runs that diverged or failed",
                "\n".join(f"- `{record.run_id}`, {record.status}: {record.reason}" for record in bad))


def no_sweep(study: Analysis) -> None:
    """A note where no sweep belongs to the grid."""
    if not len(study.sweep):
        callout("note", "No sweep", f"No sweep on the corpus `{study.grid.corpus}` is recorded beside these runs.")


def no_published(study: Analysis) -> None:
    """A warning where the published table is recorded or missing."""
    found = chinchilla.fits(study)
    if found is None:
        callout("warning", "No published table", chinchilla.MISSING)
    elif found.recorded:
        callout(
            "note",
            "A recorded summary",
            "The fits of this section were **recorded earlier, not made for this page**: " + found.reason + ".",
        )


def no_literature() -> None:
    """A warning where the derived tables are missing."""
    found = literature.tables()
    if isinstance(found, str):
        callout("warning", "Tables that are not at hand", f"This section has nothing to show: {found}.")


def no_corpus(study: Analysis) -> None:
    """A note where the corpus was never summarised."""
    if corpus_summary(study.grid.corpus, study.runs) is None:
        callout("note", "No summary of the corpus", f"No summary of `{study.grid.corpus}` is recorded under `runs/corpora`.")


def no_calibration(study: Analysis) -> None:
    """A warning where a calibration or coverage study is missing."""
    missing = [
        name
        for kind, name in (("sbc", "simulation-based calibration"), ("coverage", "coverage study"))
        if not calibration.recorded(study, kind)
    ]
    if missing:
        callout(
            "warning",
            "Checks that are not recorded",
            f"No {text.enumeration(missing)} is recorded under `runs/calibration`: run `study calibrate`.",
        )


def one_line(study: Analysis) -> None:
    """A warning where ln N and ln D of all fitted runs lie on one line."""
    if line := collinear(study.posterior.rows):
        body = f"In the runs fitted so far {line}: across that line the posterior is the prior."
        callout("warning", "One line in the plane", body)
