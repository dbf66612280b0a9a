"""How a page reaches the functions of its sections, and callouts that depend on what is recorded."""

import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from study.analysis.study import Study
from study.articles.shared.text import markdown


@dataclass(frozen=True)
class Section:
    """A section's module applied to a study: `answer.tokens` is `tokens(study)`, as Markdown where it is text.

    So an article writes `{python} answer.tokens` in its prose and `answer.fan` in the cell of a figure.
    """

    functions: ModuleType
    study: Study

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        function = getattr(self.functions, name)
        shown = function(self.study) if inspect.signature(function).parameters else function()
        return markdown(shown) if isinstance(shown, str) else shown


def sections(study: Study, *modules: ModuleType) -> tuple[Section, ...]:
    """The sections of an article, in the order of their modules."""
    return tuple(Section(module, study) for module in modules)


def callout(kind: str, title: str, body: str) -> None:
    """Print one callout in Quarto's div syntax; its cell has `output: asis`."""
    print(f"::: {{.callout-{kind}}}\n## {title}\n\n{body}\n:::\n")
