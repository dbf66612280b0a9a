"""What a law is: its symbols with their priors, the columns it reads, and one formula for numpy and for PyTensor.

A new law is one file with a `Law` in it: the posterior (`inference.general`), its gate, its intervals and its forecast test
take it as it is. All symbols are positive, so each has a log-normal prior; a law without a term leaves its symbol out.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.errors import StudyError

NATS_PER_BYTE = 0.40  # of English text: where the prior of E has its median
BYTES_PER_TOKEN = 4.3  # of English text in a usual vocabulary of 32 K to 50 K: for a table that does not say
Values = Mapping[str, Any]  # by symbol or by column; floats, numpy arrays or PyTensor variables that broadcast


class LawError(StudyError):
    """A law and a table that do not fit together."""


@dataclass(frozen=True)
class LogNormal:
    """ln theta ~ Normal(mu, sigma)."""

    mu: float
    sigma: float


TERM = LogNormal(0.0, 1.0)  # of a term beside E: nats at the reference
EXPONENT = LogNormal(math.log(0.35), 0.4)  # of such a term
PURE_EXPONENT = LogNormal(math.log(0.15), 0.8)  # of a term that is the whole loss: without E exponents are small


def prior_of_whole_loss(bytes_per_token: float = BYTES_PER_TOKEN) -> LogNormal:
    """The prior of a term at the reference that is the whole loss, nats a token: half as much again as E's median."""
    return LogNormal(prior_of_entropy(bytes_per_token).mu + math.log(1.5), 0.6)


def prior_of_entropy(bytes_per_token: float = BYTES_PER_TOKEN) -> LogNormal:
    """The prior of E, nats a token, for tokens of so many bytes."""
    return LogNormal(math.log(NATS_PER_BYTE * bytes_per_token), 0.4)


@dataclass(frozen=True)
class Law:
    """ln y_i ~ noise about ln mean(theta, x_i), with each column x divided by its reference.

    The reference of a column is its geometric mean over the fitted rows unless another is given, so that coefficients are
    the terms there, in the unit of y, and their priors hold on any scale; y itself is divided by `scale` of the response,
    one for losses in nats.

    mean: (theta, columns, xp) with theta by symbol, columns by name as logarithms ln(x / x0), and xp the module that has
        exp, log, logaddexp ... (numpy or pytensor.tensor); returns y > 0.
    response: the column of y.
    terms: of a law E + sum of t exp(-alpha x), the (t, alpha) of each: it is then sampled in L0 = E + sum t and the slopes
        alpha t, which data fix, and not in E and t, which lie on a thin curved ridge.
    relative: y is divided by its geometric mean before the fit (a count of steps has no natural size, a loss has).
    """

    name: str
    columns: tuple[str, ...]
    priors: Mapping[str, LogNormal]
    mean: Callable[[Values, Values, Any], Any]
    response: str = "loss"
    relative: bool = False
    terms: tuple[tuple[str, str], ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in the order of theta."""
        return tuple(self.priors)

    def at(self, theta: Values, columns: Values) -> Any:
        """The mean in numpy. Draws (S,) against columns (R, 1), or any shapes that broadcast.

        Raises:
            LawError: a symbol or a column is missing.
        """
        missing = [name for name in (*self.symbols, *self.columns) if name not in theta and name not in columns]
        if missing:
            raise LawError(f"the law {self.name} needs {', '.join(missing)}")
        return np.asarray(self.mean(theta, columns, np))
