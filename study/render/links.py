"""What a link from one article to another may name."""

import re
from collections.abc import Iterable

from study.render.source import Cell, Document

LABEL = re.compile(r"\{#([A-Za-z][\w-]*)")


def labels(document: Document) -> list[str]:
    """The explicit labels of a document, sorted: those of its sections, figures, tables and equations."""
    found = {block.label for block in document.blocks if isinstance(block, Cell) and block.label}
    for block in document.blocks:
        if not isinstance(block, Cell):
            found |= {label for line in block.lines for label in LABEL.findall(line.text)}
    return sorted(found)


def known(documents: Iterable[Document]) -> dict[str, dict[str, bool]]:
    """File name -> label -> True, for `articles.lua`."""
    return {document.path.name: dict.fromkeys(labels(document), True) for document in documents}
