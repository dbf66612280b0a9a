"""The extras of pyproject.toml: where a package is missing, the line that says which of them brings it."""

from importlib.util import find_spec

from study.errors import StudyError

EXTRA_OF = {"torch": "train", "tokenizers": "train", "datasets": "train", "safetensors": "train",
            "ray": "cluster", "mlflow": "track", "transformers": "bench"}


class ExtraError(StudyError):
    """A package of an extra is not installed."""


def need(package: str, what: str) -> None:
    """Check, without importing it, that `package` is installed.

    Raises:
        ExtraError: it is not; `what` is the part of the study that needs it.
    """
    if find_spec(package) is None:
        raise ExtraError(missing(package, what))


def missing(package: str, what: str) -> str:
    """The line for a package that is not installed."""
    return f"{what} needs {package}, which is not installed: python3 -m pip install '.[{EXTRA_OF[package]}]'"
