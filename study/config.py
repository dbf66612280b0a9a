"""RunConfig and GoConfig: everything that determines a run, and the run's identity (`run_id`)."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from study.errors import StudyError


class ConfigError(StudyError):
    """A configuration that cannot be trained."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run. Every field that changes a bit of the result is here, and so in `run_id`.

    Sizes are counts, `tokens`, `batch_tokens`, `eval_tokens` and `curve_tokens` are tokens, `learning_rate` is the
    peak for the matrices (the embedding's is `embedding_lr_multiplier` times it).

    Raises:
        ConfigError: the shape, the batch or the recipe is impossible.
    """

    corpus: str  # named in study/data/corpora.py
    vocabulary: int
    width: int  # d
    layers: int  # L
    heads: int
    tokens: int  # D, a whole number of batches
    batch_tokens: int
    learning_rate: float
    seed: int = 0  # initialisation and data order
    context: int = 256  # T
    ood_corpus: str = ""  # a second corpus the final model is evaluated on; "" for none
    epochs: int = 1  # passes over the unique tokens that `tokens` may need; more than 1 is an explicit choice
    warmup_fraction: float = 0.3  # of the steps; then linear decay to zero
    beta1: float = 0.9
    beta2: float = 0.98
    adam_epsilon: float = 1e-8
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    embedding_lr_multiplier: float = 1.0
    eval_tokens: int = 2_097_152  # validation tokens at the end; half as many of the train subset and out of distribution
    curve_tokens: int = 65_536  # validation tokens at each point of the curve
    curve_points: int = 24  # log-spaced over the run
    precision: str = "float32"  # or "bfloat16" (autocast)
    compiled: bool = False  # torch.compile changes the order of sums
    recipe: int = 1  # raised when a change of the training code changes a run's bits
    token_shift: bool = False  # half of each attention layer's input channels are those of the token before
    optimiser: str = "adamw"  # or "muon": orthogonalised momentum for the matrices of the blocks, AdamW for the rest
    schedule: str = "linear"  # after the warm-up: linear decay to zero, or "constant"
    unique_tokens: int = 0  # the first so many train tokens are all the run may see; 0 for the whole train split
    attention_scale: float = 0.0  # logit = attention_scale x cos(q, k); 0: the root of a head's dimension
    key_shift: bool = False  # half of each head's key dimensions are those of the token before
    copy_start: bool = False  # the shifted key dimensions start with the weights of the query's

    def __post_init__(self) -> None:
        need = _need
        _numbers(self, ("vocabulary", "width", "layers", "heads", "tokens", "batch_tokens", "context", "epochs", "eval_tokens",
                        "curve_tokens", "curve_points", "learning_rate", "embedding_lr_multiplier", "gradient_clip"))
        need(self.width % self.heads == 0, f"width {self.width} is not divisible by heads {self.heads}")
        need(self.width // self.heads % 2 == 0,
             f"head dimension {self.width // self.heads} is odd: rotary positions need an even one")
        need(self.batch_tokens % self.context == 0,
             f"batch_tokens {self.batch_tokens} is not a multiple of the context {self.context}")
        need(self.tokens % self.batch_tokens == 0,
             f"tokens {self.tokens} is not a multiple of batch_tokens {self.batch_tokens}")
        need(self.vocabulary <= 65_536, f"vocabulary {self.vocabulary} does not fit 16-bit token files")
        need(0 <= self.warmup_fraction < 1, f"warmup_fraction must be in [0, 1), not {self.warmup_fraction}")
        need(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "beta1 and beta2 must be in [0, 1)")
        need(self.weight_decay >= 0, f"weight_decay must not be negative, not {self.weight_decay}")
        need(self.seed >= 0, f"seed must not be negative, not {self.seed}")
        need(self.optimiser in ("adamw", "muon"), f"optimiser must be adamw or muon, not {self.optimiser!r}")
        need(self.schedule in ("linear", "constant"), f"schedule must be linear or constant, not {self.schedule!r}")
        need(self.unique_tokens == 0 or self.unique_tokens > self.context,
             f"unique_tokens {self.unique_tokens} hold no window of {self.context} tokens and the one that follows")
        need(self.precision in ("float32", "bfloat16"), f"precision must be float32 or bfloat16, not {self.precision!r}")
        need(self.key_shift or not self.copy_start, "copy_start needs key_shift: keys have to see the token before")
        need(not self.key_shift or self.width // self.heads % 4 == 0, "key_shift needs head dimensions in whole fours")
        need(self.attention_scale >= 0, f"attention_scale must not be negative, not {self.attention_scale}")

    @property
    def steps(self) -> int:
        """Optimiser steps: D / batch."""
        return self.tokens // self.batch_tokens

    @property
    def warmup_steps(self) -> int:
        """Steps over which the learning rate rises, at least one."""
        return min(max(1, round(self.warmup_fraction * self.steps)), self.steps)

    @property
    def marks(self) -> tuple[int, ...]:
        """Steps at which the curve has a point whatever its spacing: none."""
        return ()

    @property
    def shape(self) -> tuple[object, ...]:
        """What a compiled model depends on."""
        return (self.vocabulary, self.width, self.layers, self.heads, self.batch_tokens, self.context, self.precision,
                self.token_shift, self.attention_scale, self.key_shift)

    @property
    def run_id(self) -> str:
        """A readable prefix and the identity, e.g. `L4-d96-D2.0M-s0-3f9a1c`."""
        return f"L{self.layers}-d{self.width}-D{_short(self.tokens)}-s{self.seed}-{identity(self)}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RunConfig":
        _exactly(cls, data, LATER)
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class GoConfig:
    """One training run of a residual network on Go positions, as `RunConfig` is one of a transformer on text.

    Where the study says tokens, a position is one: D is `positions` x `epochs`.

    Raises:
        ConfigError: the shape, the batch or the recipe is impossible.
    """

    corpus: str = "go-9x9"
    width: int  # channels
    layers: int  # residual blocks, of two convolutions each
    positions: int  # the first so many train positions are all the run sees; a whole number of batches
    epochs: int = 4
    batch: int = 64  # positions
    seed: int = 0  # initialisation, data order and symmetries
    symmetries: bool = True  # each position is turned at random, anew in each epoch
    learning_rate: float = 3e-3  # peak, at `base_width`
    base_width: int = 64  # matrices whose fan-in grows with the width have base_width / width of the rate
    warmup_steps: int = 500
    schedule: str = "cosine"  # after the warm-up: to zero along a half cosine, or "linear", or "constant"
    beta1: float = 0.9
    beta2: float = 0.98
    adam_epsilon: float = 1e-8
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    eval_positions: int = 32_768  # test positions at the end, all there are if fewer; half as many of the train subset
    curve_positions: int = 4096  # the same at each point of the curve
    curve_points: int = 8  # log-spaced over the run ...
    points_per_epoch: int = 4  # ... and so many in each epoch, evenly, its end among them
    precision: str = "float32"  # or "bfloat16" (autocast)
    compiled: bool = False
    recipe: int = 1

    context: ClassVar[int] = 1  # positions a row: a position is seen as a whole
    vocabulary: ClassVar[int] = 82  # classes of the policy: 81 points and a pass
    heads: ClassVar[int] = 0  # no attention
    ood_corpus: ClassVar[str] = ""  # no second corpus

    def __post_init__(self) -> None:
        _numbers(self, ("width", "layers", "positions", "epochs", "batch", "learning_rate", "base_width", "warmup_steps",
                        "gradient_clip", "eval_positions", "curve_positions", "curve_points", "points_per_epoch"))
        _need(self.positions % self.batch == 0, f"positions {self.positions} is not a multiple of batch {self.batch}")
        _need(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "beta1 and beta2 must be in [0, 1)")
        _need(self.weight_decay >= 0, f"weight_decay must not be negative, not {self.weight_decay}")
        _need(self.seed >= 0, f"seed must not be negative, not {self.seed}")
        _need(self.schedule in ("cosine", "linear", "constant"),
              f"schedule must be cosine, linear or constant, not {self.schedule!r}")
        _need(self.precision in ("float32", "bfloat16"), f"precision must be float32 or bfloat16, not {self.precision!r}")

    @property
    def tokens(self) -> int:
        """D: positions seen, over all epochs."""
        return self.positions * self.epochs

    @property
    def batch_tokens(self) -> int:
        """Positions a batch."""
        return self.batch

    @property
    def unique_tokens(self) -> int:
        """Positions that the run may see."""
        return self.positions

    @property
    def eval_tokens(self) -> int:
        """Test positions at the end, at most."""
        return self.eval_positions

    @property
    def curve_tokens(self) -> int:
        """Positions evaluated at a point of the curve, those of the train subset among them, at most."""
        return self.curve_positions + self.curve_positions // 2

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return self.tokens // self.batch

    @property
    def marks(self) -> tuple[int, ...]:
        """Steps at which the curve has a point whatever its spacing: `points_per_epoch` in each epoch."""
        count = self.epochs * self.points_per_epoch
        return tuple(sorted({max(1, round(self.steps * k / count)) for k in range(1, count + 1)}))

    @property
    def shape(self) -> tuple[object, ...]:
        """What a compiled model depends on."""
        return self.corpus, self.width, self.layers, self.batch, self.precision

    @property
    def run_id(self) -> str:
        """A readable prefix and the identity, e.g. `go-L4-d64-P96.0K-e4-s0-3f9a1c`."""
        return f"go-L{self.layers}-d{self.width}-P{_short(self.positions)}-e{self.epochs}-s{self.seed}-{identity(self)}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "GoConfig":
        _exactly(cls, data, {})
        return cls(**data)


Config = RunConfig | GoConfig


def config_from(data: dict[str, Any]) -> Config:
    """The config of a record's body: a GoConfig is what has `positions`.

    Raises:
        ConfigError: the fields are those of neither.
    """
    return GoConfig.from_dict(data) if "positions" in data else RunConfig.from_dict(data)


def _need(ok: bool, why: str) -> None:
    if not ok:
        raise ConfigError(why)


def _numbers(config: Config, positive: tuple[str, ...]) -> None:
    for field in fields(config):
        value = getattr(config, field.name)
        if field.type in (int, float) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"{field.name} must be a number, not {value!r}")
        if field.type is int and not isinstance(value, int):  # 16.0 would be another run_id than 16
            raise ConfigError(f"{field.name} must be a whole number, not {value!r}")
        if field.type is bool and not isinstance(value, bool):
            raise ConfigError(f"{field.name} must be true or false, not {value!r}")
        if isinstance(value, float):
            _need(math.isfinite(value), f"{field.name} must be finite, not {value}")
    for name in positive:
        _need(getattr(config, name) > 0, f"{name} must be positive, not {getattr(config, name)}")


def _exactly(kind: type[RunConfig] | type[GoConfig], data: dict[str, Any], later: dict[str, Any]) -> None:
    known = {field.name for field in fields(kind)}
    if wrong := set(data) - known | known - set(later) - set(data):
        raise ConfigError(f"a run's config must hold exactly the fields of {kind.__name__}; check {sorted(wrong)}")


# Fields of RunConfig younger than the first records, each with the value at which the code does what it did before the field
# was there. At that value a field is left out of the hash, so that the identity of an earlier run does not change.
LATER: dict[str, Any] = {"token_shift": False, "optimiser": "adamw", "schedule": "linear", "unique_tokens": 0,
                         "attention_scale": 0.0, "key_shift": False, "copy_start": False}


def identity(config: Config) -> str:
    """Six hexadecimal digits of the sha256 over all fields, less those of `LATER` that are at their earlier value."""
    later = LATER if isinstance(config, RunConfig) else {}
    reals = {field.name for field in fields(config) if field.type is float}  # 1 and 1.0 are one run
    kept = {name: float(value) if name in reals else value for name, value in asdict(config).items()
            if name not in later or value != later[name]}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:6]


def _short(count: int) -> str:
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= unit:
            return f"{count / unit:.1f}{name}"
    return str(count)


def whole_batches(tokens: float, batch_tokens: int) -> int:
    """The whole number of batches nearest to `tokens`, in tokens; at least one batch."""
    return max(1, round(tokens / batch_tokens)) * batch_tokens
