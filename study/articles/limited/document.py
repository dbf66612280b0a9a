"""What the document on Go prints: its four models, their best losses, the loss at the end of each epoch, and its claims."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A row of its tables. Losses in nats a position, policy and value together."""

    name: str
    N: float
    best: float
    at_step: int
    policy: float  # accuracy there
    value: float
    epochs: tuple[float, ...]  # validation loss at the end of each

    @property
    def gap(self) -> float:
        """By how much the last of its epochs lies above the lowest of them: the document's "overfit gap"."""
        return self.epochs[-1] - min(self.epochs)


MODELS = (
    Model("10M", 8.0e6, 2.4618, 244_000, 0.445, 0.537, (2.560, 2.511, 2.519, 2.701)),
    Model("100M", 94.5e6, 2.4668, 106_000, 0.430, 0.609, (2.547, 2.543, 2.593, 2.822)),
    Model("500M", 472.0e6, 2.4667, 68_000, 0.429, 0.643, (2.576, 2.576, 2.730, 3.110)),
    Model("1B", 963.7e6, 2.4667, 134_000, 0.443, 0.602, (2.563, 2.570, 2.599)),
)
TITLE, DATED = "Datasetv4 Scaling Laws", "2 February 2026"
POSITIONS = 6.6e6
TIMES = 10.0  # as many positions would help
WHOLE = tuple(model for model in MODELS if len(model.epochs) == 4)  # the others were stopped
