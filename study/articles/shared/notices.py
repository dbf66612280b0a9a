"""Callouts at the head of an article, where its records are not all that the design asks for."""

from study.analysis.study import Study
from study.articles.shared import words
from study.articles.shared.page import callout
from study.inference.observations import collinear


def rehearsal(study: Study) -> None:
    """A warning when the article shows a grid that is no study."""
    if not study.held_out_budgets:
        callout("warning", "A rehearsal, not the study",
                f"`{study.grid.name}` has {len(study.fit)} small runs and no held-out budget: its answers mean little.")


def incomplete(study: Study) -> None:
    """A warning while planned runs are missing."""
    planned = len(study.grid.planned)
    if missing := planned - len(study.frame):
        callout("warning", "The grid is not complete",
                f"{missing} of {planned} planned runs {words.are(missing)} not recorded yet.")


def one_line(study: Study) -> None:
    """A warning where ln N and ln D of all fitted runs lie on one line."""
    if line := collinear(study.posterior.rows):
        callout("warning", "One line in the plane", f"In these runs {line}: across that line the posterior is the prior.")
