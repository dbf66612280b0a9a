"""The corpora in numbers, from the summaries that `study corpus NAME --record` left under corpora/ when they were tokenised."""

import json
from typing import Any

from study.analysis.study import Study


def corpus_summary(study: Study, name: str) -> dict[str, Any] | None:
    """The recorded summary of a corpus; None when it was never recorded."""
    path = study.find(f"corpora/{name}.json")
    body: dict[str, Any] | None = json.loads(path.read_text()) if path else None
    return body
