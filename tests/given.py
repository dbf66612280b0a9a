"""Results planted in a study's cache, in place of those it would derive."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from study.analysis.study import Study, key


def given(study: Study, results: Mapping[Any, Any], **changes: Any) -> Study:
    """A copy with changed fields whose cache holds `results`, by what would derive them: {Study.fit: rows, seed_sd: ...}.

    A result with arguments is named (function, *arguments).
    """
    copy = replace(study, **changes)
    for name, value in results.items():
        copy.cache[key(*name) if isinstance(name, tuple) else key(name)] = value
    return copy
