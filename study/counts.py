"""Parameters and FLOPs from a shape, without torch. `training/gpt.py` and `resnet.py` assert that their models have these counts.

The transformer: L pre-norm blocks of attention (4 d^2) and a squared-ReLU MLP of four times the width (8 d^2), no
biases, no gains, untied embedding and unembedding (V d each).

The residual network on Go: a 3x3 convolution from 13 planes, L blocks of two 3x3 convolutions (18 d^2), each after a norm with gain
and bias; a policy head of d weights a point and 2 d + 1 for a pass, a value head of a hidden layer (2 d^2 + d) and d + 1.
"""

from dataclasses import dataclass

from study.config import Config, RunConfig

GO_POINTS, GO_PLANES = 81, 13  # of the board, and of a network's input (data/go/positions.py)

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


def go_counts(width: int, layers: int) -> ParameterCounts:
    """Counts for a residual network (d, L): nothing is looked up, so all are of one kind, gains and biases among them."""
    trunk = 9 * GO_PLANES * width + layers * (18 * width**2 + 4 * width) + 2 * width
    heads = width + (2 * width + 1) + (2 * width**2 + width) + (width + 1)
    return ParameterCounts(trunk + heads, 0, 0)


def config_counts(config: Config) -> ParameterCounts:
    """Parameter counts of a run."""
    if not isinstance(config, RunConfig):
        return go_counts(config.width, config.layers)
    return parameter_counts(config.width, config.layers, config.vocabulary)


def exact_flops_per_token(width: int, layers: int, vocabulary: int, context: int) -> int:
    """Training FLOPs a token: 6 (12 L d^2 + V d) + 6 L d T.

    A multiply-accumulate is 2 FLOPs and the backward pass twice the forward. Causal attention forms, for each token,
    scores and a weighted sum over T/2 positions on average: 2 x 2 d T/2 forward, three times that with backward.
    """
    return 6 * parameter_counts(width, layers, vocabulary).multiplying + 6 * layers * width * context


def go_flops_per_position(width: int, layers: int) -> int:
    """Training FLOPs a position: 6 [81 (9 x 13 d + 18 L d^2 + d) + 2 d + 2 d^2 + d], d = width, L = blocks.

    A convolution multiplies each weight once a point of the board, so this is nearly 81 times 6 N. Norms, sums and pooling are
    left out, and the edge counts as if it had neighbours.
    """
    d = width
    return 6 * (GO_POINTS * (9 * GO_PLANES * d + 18 * layers * d**2 + d) + 2 * d + 2 * d**2 + d)


def config_flops_per_token(config: Config) -> int:
    """Exact training FLOPs a token, or a position, of a run."""
    if not isinstance(config, RunConfig):
        return go_flops_per_position(config.width, config.layers)
    return exact_flops_per_token(config.width, config.layers, config.vocabulary, config.context)


def six_nd(config: Config, convention: str = "multiplying") -> int:
    """C = 6 N D in FLOPs, with N in one of `N_CONVENTIONS`."""
    return 6 * config_counts(config).by(convention) * config.tokens


def exact_flops(config: Config) -> int:
    """C exact: FLOPs a token times D."""
    return config_flops_per_token(config) * config.tokens
