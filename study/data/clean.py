"""What of a Python source file is text to learn from: no licence header, nothing vendored, generated or tiny."""

import re
from pathlib import PurePosixPath

SMALLEST = 200  # bytes, after cleaning: an `__init__.py` that only imports says nothing

_VENDORED = {"_vendor", "_vendored", "vendor", "vendored", "third_party", "thirdparty", "extern", "externals"}
_GENERATED_NAME = re.compile(r"(_pb2(_grpc)?|parsetab|lextab|versioneer|_version)\.py$")
_GENERATED_MARK = re.compile(
    r"auto-?generated|automatically generated|\bgenerated (by|from|with|using)\b|\bdo not (edit|modify)\b", re.I)
_LICENCE = re.compile(r"licen[cs]e|copyright|all rights reserved|\(c\) ?(19|20)\d\d|spdx-", re.I)


def clean_python(path: str, raw: bytes) -> str | None:
    r"""The cleaned text of one file, or None when it is to be left out.

    Left out: vendored (by a folder's name), generated (by the file's name or a comment at its top), not UTF-8, or
    under `SMALLEST` bytes once the licence header is gone. Line ends become `\n`.
    """
    if _VENDORED & set(PurePosixPath(path).parts[:-1]) or _GENERATED_NAME.search(path):
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _GENERATED_MARK.search("\n".join(_split_head(text)[0])):
        return None
    text = strip_licence(text)
    return text if len(text.encode()) >= SMALLEST else None


def strip_licence(text: str) -> str:
    """Drop those comment blocks before the first code line that speak of a licence; other comments stay."""
    head, code = _split_head(text)
    kept: list[str] = []
    block: list[str] = []
    for line in [*head, None]:  # None: the code begins
        if line is not None and line.strip():
            block.append(line)
            continue
        if block and not _LICENCE.search("\n".join(block)):
            kept += block if line is None else [*block, ""]
        block = []
    return "\n".join([*kept, *code]).lstrip("\n")


def _split_head(text: str) -> tuple[list[str], list[str]]:
    """The comment and blank lines before the first code line, and the lines from there on."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), len(lines))
    return lines[:first], lines[first:]
