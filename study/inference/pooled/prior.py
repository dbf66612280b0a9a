"""The recorded population, part of the package: the prior of `study fit --prior atlas`."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.inference.pooled.population import Population, from_json

PATH = Path(__file__).with_name("atlas.json")


class PriorError(StudyError):
    """There is no recorded population that this version can read."""


def atlas_prior() -> Population:
    """The recorded draws of the population, widened as leaving out each laboratory asks (`study.atlas.leave_out.widening`).

    Raises:
        PriorError: the record is missing, or of another version.
    """
    try:
        body = atlas_record()
        return from_json(body).widened(float(body.get("widening", 1.0)))
    except (KeyError, ValueError) as error:
        raise PriorError(f"{PATH.name} cannot be read ({error}): record the population again with `study atlas together`") from None


@lru_cache(maxsize=1)
def atlas_record() -> dict[str, Any]:
    """The record: provenance and draws.

    Raises:
        PriorError: it is missing.
    """
    if not PATH.is_file():
        raise PriorError(f"the package has no {PATH.name}: record the population with `study atlas together`")
    body: dict[str, Any] = json.loads(PATH.read_text())
    return body
