"""Parameters and FLOPs from a shape, without torch. `training/gpt.py` asserts that its model has these counts.

The transformer: L pre-norm blocks of attention (4 d^2) and a squared-ReLU MLP of four times the width (8 d^2), no
biases, no gains, untied embedding and unembedding (V d each).
"""

from dataclasses import dataclass

from study.config import RunConfig

N_CONVENTIONS = ("multiplying", "non_embedding", "total")
C_CONVENTIONS = ("6ND", "exact")


@dataclass(frozen=True)
class ParameterCounts:
    """Parameters of one model, by kind."""

    non_embedding: int  # 12 L d^2
    embedding: int  # V d, looked up
    unembedding: int  # V d, multiplied

    @property
    def total(self) -> int:
        return self.non_embedding + self.embedding + self.unembedding

    @property
    def multiplying(self) -> int:
        """N of the headline: non-embedding + unembedding, those that take part in a matrix product."""
        return self.non_embedding + self.unembedding

    def by(self, convention: str) -> int:
        """N in one of `N_CONVENTIONS`."""
        if convention not in N_CONVENTIONS:
            raise ValueError(f"unknown N convention {convention!r}: one of {N_CONVENTIONS}")
        return int(getattr(self, convention))


def parameter_counts(width: int, layers: int, vocabulary: int) -> ParameterCounts:
    """Counts for a shape (d, L, V): 12 L d^2, V d, V d."""
    return ParameterCounts(12 * layers * width**2, vocabulary * width, vocabulary * width)


def config_counts(config: RunConfig) -> ParameterCounts:
    """Parameter counts of a run."""
    return parameter_counts(config.width, config.layers, config.vocabulary)


def exact_flops_per_token(width: int, layers: int, vocabulary: int, context: int) -> int:
    """Training FLOPs a token: 6 (12 L d^2 + V d) + 6 L d T.

    A multiply-accumulate is 2 FLOPs and the backward pass twice the forward. Causal attention forms, for each token,
    scores and a weighted sum over T/2 positions on average: 2 x 2 d T/2 forward, three times that with backward.
    """
    return 6 * parameter_counts(width, layers, vocabulary).multiplying + 6 * layers * width * context


def config_flops_per_token(config: RunConfig) -> int:
    """Exact training FLOPs a token of a run."""
    return exact_flops_per_token(config.width, config.layers, config.vocabulary, config.context)


def six_nd(config: RunConfig, convention: str = "multiplying") -> int:
    """C = 6 N D in FLOPs, with N in one of `N_CONVENTIONS`."""
    return 6 * config_counts(config).by(convention) * config.tokens


def exact_flops(config: RunConfig) -> int:
    """C exact: FLOPs a token times D."""
    return config_flops_per_token(config) * config.tokens
