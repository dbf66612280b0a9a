"""Parameters: draws of everything a model holds, whichever form it has. The prior and the posterior share it."""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from study.laws.hoffmann import LossSurface
from study.laws.nesting import NestingSurface

Array: TypeAlias = NDArray[np.float64]
Surface: TypeAlias = LossSurface | NestingSurface


def evenly(length: int, count: int) -> NDArray[np.intp]:
    """Indices of `count` of `length` draws, evenly spaced; of all where there are fewer."""
    return np.linspace(0, length - 1, min(count, length)).astype(np.intp)


@dataclass(frozen=True)
class Parameters:
    """Draws, each an array of shape (S,). A parameter the form lacks holds its neutral value.

    tA and tB are the two terms at the reference (N0, D0) in nats: A = tA N0^alpha, B = tB D0^beta.
    """

    E: Array  # nats a token; 0 in Kaplan's form
    tA: Array
    tB: Array
    alpha: Array
    beta: Array
    s: Array  # scale of the noise in ln L at C = 6 N0 D0; of the misfit alone when s_seed > 0
    g: Array  # d ln s / d log10 C; neutral 0
    nu: Array  # degrees of freedom; neutral inf, the normal
    tau: Array  # s.d. of the group effect in ln L; neutral 0
    kappa: Array  # neutral 1
    s_seed: Array  # s.d. between seeds in ln L; neutral 0

    def __len__(self) -> int:
        return len(self.E)

    def take(self, index: Any) -> "Parameters":
        """The draws at `index` (anything that indexes an array)."""
        return Parameters(*(getattr(self, field.name)[index] for field in fields(self)))

    def surface(self, N0: float, D0: float) -> Surface:
        """The draws as surfaces L(N, D)."""
        A, B = self.tA * N0**self.alpha, self.tB * D0**self.beta
        if np.all(self.kappa == 1.0):
            return LossSurface(self.E, A, B, self.alpha, self.beta)
        return NestingSurface(self.E, A, B, self.alpha, self.beta, self.kappa)


NEUTRAL = {"E": 0.0, "g": 0.0, "nu": np.inf, "tau": 0.0, "kappa": 1.0, "s_seed": 0.0}


def parameters(draws: dict[str, Array]) -> Parameters:
    """Parameters from the arrays a form has; the rest take their neutral values."""
    shape = np.shape(draws["alpha"])
    return Parameters(**{field.name: np.asarray(draws[field.name], dtype=float) if field.name in draws
                         else np.full(shape, NEUTRAL[field.name]) for field in fields(Parameters)})
