"""Hub corpora: rows streamed through `datasets`, never by remote code; or a local parquet file of the same schema."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from study.errors import StudyError, first_line


@dataclass(frozen=True)
class HubSource:
    """A data set on the hub with a column `text`: `load_dataset(path, name, split="train", streaming=True)`.

    `files` names parquet files in place of the repository's own set-up, for one that would run a script.
    """

    path: str
    name: str | None
    articles: bool = False  # rows are lines, and `= Title =` begins an article (WikiText)
    files: str | None = None


def hub_texts(source: HubSource, parquet: Path | None) -> Iterator[str]:
    """The texts of the train split, one document each, in the data set's order; empty rows are left out.

    Raises:
        StudyError: the hub cannot be reached, the file cannot be read, or there is no column `text`.
    """
    from datasets import load_dataset

    if parquet is not None and not parquet.is_file():
        raise StudyError(f"there is no file {parquet}")
    try:
        if files := str(parquet) if parquet is not None else source.files:
            rows = load_dataset("parquet", data_files=files, split="train", streaming=True)
        else:
            rows = load_dataset(source.path, name=source.name, split="train", streaming=True)
        texts = (row["text"] for row in rows)
        yield from (text for text in (_articles(texts) if source.articles else texts) if text and not text.isspace())
    except StudyError:
        raise
    except KeyError as error:
        raise StudyError(f"{parquet or source.path} has no column {error}") from None
    except Exception as error:  # datasets and the hub's client raise many kinds
        why = first_line(error)
        what = f"{parquet}" if parquet else f"{source.path} from the hub"
        hint = "it must be parquet with a column `text`" if parquet else "connect, or give a local file with --parquet"
        raise StudyError(f"cannot read {what} ({why}): {hint}") from None


def _articles(rows: Iterable[str]) -> Iterator[str]:
    """Join WikiText's lines into articles: a line ` = Title = ` (one equals sign a side) begins one."""
    lines: list[str] = []
    for row in rows:
        if re.fullmatch(r" = [^=].*[^=] = \n?", row) and lines:
            yield "".join(lines)
            lines = []
        lines.append(row)
    yield "".join(lines)
