"""How low the loss on Go can go: bounds from how often two labels of one position are the same.

With the probabilities p of the engine's moves in a position, two independent labels agree with probability q = sum p_i^2, and

    entropy >= -ln q (Renyi's of order two), so the mean entropy is at least -ln of the mean q        (Jensen)
    q <= max p_i <= sqrt(q): no predictor is right more often than sqrt of the mean q

Of a winner, w^2 + (1 - w)^2 = q fixes the entropy h(q) of the two outcomes, which is concave in q with h(1/2) = ln 2 and
h(1) = 0: the mean entropy lies between the chord 2 ln 2 (1 - q) and h at the mean q.
"""

from dataclasses import dataclass

import numpy as np

from study.data.go.floor import Agreement
from study.inference.parameters import Array

DRAWS = 2000


@dataclass(frozen=True)
class Floor:
    """Draws (S,) over games of two labels' agreement, and of the bounds of the loss in nats a position."""

    pairs: int
    games: int
    same_move: Array
    same_winner: Array

    @property
    def policy(self) -> Array:
        """The least cross-entropy of the move, a lower bound."""
        return np.asarray(-np.log(self.same_move))

    @property
    def value(self) -> tuple[Array, Array]:
        """The least cross-entropy of the winner: lower and upper bound."""
        q = np.maximum(self.same_winner, 0.5)
        w = (1 + np.sqrt(2 * q - 1)) / 2
        entropy = -w * np.log(w) - (1 - w) * np.log(np.maximum(1 - w, 1e-300))
        return np.asarray(2 * np.log(2) * (1 - q)), np.asarray(entropy)

    @property
    def loss(self) -> Array:
        """The least loss, policy and value together: a lower bound."""
        return np.asarray(self.policy + self.value[0])

    @property
    def policy_accuracy(self) -> Array:
        """The highest accuracy of the move that any predictor can have: an upper bound."""
        return np.asarray(np.sqrt(self.same_move))


def floor(agreement: Agreement, *, seed: int) -> Floor | None:
    """The bounds with a bootstrap over games; None without pairs."""
    if not len(agreement.game):
        return None
    _, of = np.unique(agreement.game, return_inverse=True)
    count, moves, winners = (np.bincount(of, weights=values)
                             for values in (np.ones(len(of)), agreement.same_move, agreement.same_winner))
    drawn = np.random.default_rng(seed).multinomial(len(count), np.full(len(count), 1 / len(count)), size=DRAWS)
    total = drawn @ count
    return Floor(len(of), len(count), drawn @ moves / total, drawn @ winners / total)
