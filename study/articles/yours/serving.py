"""What the table says of a model that is served, and of one that is trained beyond the optimum."""

from typing import Any

from study.analysis.your_runs import YourRuns
from study.articles.atlas import shown
from study.articles.shared import text


def C(runs: YourRuns) -> str:
    """Training compute asked for, FLOP."""
    return text.power(runs.fit["answers"]["at_C"]["C_asked"], 3)


def tokens(runs: YourRuns) -> str:
    """Tokens to be served."""
    return text.count(_serving(runs)["inference_tokens"])


def compute_optimal(runs: YourRuns) -> str:
    """N_opt at C."""
    return shown.both(runs.fit["answers"]["at_C"]["N_opt"]["posterior"], text.short)


def N(runs: YourRuns) -> str:
    """The size of the least training plus inference FLOPs for the same loss."""
    return shown.both(_serving(runs)["N"], text.short)


def D(runs: YourRuns) -> str:
    """Tokens that it is trained on."""
    return shown.both(_serving(runs)["D"], text.short)


def least(runs: YourRuns) -> str:
    """Training plus inference FLOPs of that model."""
    return text.power(_serving(runs)["FLOP"]["point"])


def chinchilla(runs: YourRuns) -> str:
    """The same of the compute-optimal model."""
    return text.power(_serving(runs)["FLOP_of_the_compute_optimal"]["point"])


def ratio(runs: YourRuns) -> str:
    """Tokens a parameter of the overtrained model."""
    return text.count(_overtraining(runs)["tokens_per_parameter"])


def loss_above(runs: YourRuns) -> str:
    """Its loss above the optimum's at C, nats a token."""
    return shown.both(_overtraining(runs)["loss_above_the_optimum"])


def compute(runs: YourRuns) -> str:
    """C over the compute of the optimum of the same loss."""
    return shown.both(_overtraining(runs)["compute_over_the_optimum_of_the_same_loss"])


def _serving(runs: YourRuns) -> dict[str, Any]:
    found: dict[str, Any] = runs.fit["answers"]["serving"]
    return found


def _overtraining(runs: YourRuns) -> dict[str, Any]:
    found: dict[str, Any] = runs.fit["answers"]["overtraining"]
    return found
