"""The corpora in numbers, from the summaries recorded under runs/corpora/ when they were tokenised.

`python -m study.figures.corpora NAME...` records a corpus that has been built here (`study corpus NAME`), so that a page made
where it has not still shows its size, its repetition and the overlap of its halves.
"""

import json
import sys
from pathlib import Path
from typing import Any

from study.record import write_atomic

KEPT = (
    "corpus",
    "vocabulary",
    "validation_share",
    "bytes_per_token",
    "counts",
    "line_repetition",
    "overlap_13gram",
    "overlap_50gram",
    "deduplicated",
    "wheels",
    "source",
    "source_sha256",
    "markov",
)


def corpus_summary(name: str, runs: Path) -> dict[str, Any] | None:
    """The recorded summary of a corpus, from `runs` or the project's own runs/; None when it was never recorded."""
    for folder in (runs, Path("runs")):
        path = folder / "corpora" / f"{name}.json"
        if path.exists():
            body: dict[str, Any] = json.loads(path.read_text())
            return body
    return None


def record_corpus(name: str, runs: Path) -> Path:
    """Write runs/corpora/<name>.json from the manifest of the built corpus.

    Raises:
        StudyError: the corpus cannot be had.
    """
    from study.data.tokens import prepare

    tokens = prepare(name)
    manifest = tokens.manifest
    body = {**{key: manifest[key] for key in KEPT if key in manifest}, "sha256": tokens.sha256}
    path = runs / "corpora" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(body, indent=1) + "\n").encode())
    return path


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(record_corpus(given, Path("runs")))
