"""RunRecord, the waist of the study: what a run leaves behind. Written once, atomically, by code, never edited."""

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from study.config import Config, ConfigError, config_from
from study.counts import ParameterCounts
from study.errors import StudyError
from study.numbers_csv import from_csv, to_csv
from study.provenance import ROOT

SCHEMA = 1  # of a record without metrics
METRICS_SCHEMA = 2  # the same and `metrics`, in the record and as further columns of the curve
COMMITTED = ROOT / "runs"  # the records of this checkout


class RecordError(StudyError):
    """A record that cannot be read or must not be written."""


@dataclass(frozen=True)
class Loss:
    """Mean cross-entropy over a fixed set of tokens; of positions for Go, policy and value together, `bits_per_byte` then nan.

    `se` is the standard error of `nats_per_token`, clustered by group of documents (a document's tokens share one
    group, see `data/tokens.py`). `cluster_means` and `cluster_tokens` (validation only) let any
    two runs be compared pairwise.
    """

    nats_per_token: float
    se: float
    bits_per_byte: float
    tokens: int
    cluster_means: tuple[float, ...] = ()
    cluster_tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class Metric:
    """A mean over a fixed set, and its standard error clustered as that of the `Loss` over the same set.

    `cluster_means` (validation only) go with the `cluster_tokens` of that loss.
    """

    value: float
    se: float
    unit: str  # "nats" or "share"
    count: int
    cluster_means: tuple[float, ...] = ()


@dataclass(frozen=True)
class CurvePoint:
    """The state of a run after `step` optimiser steps. Losses in nats a token.

    `gradient_square` and `gradient_trace` are the unbiased estimates of |G|^2 and of tr(Sigma) (in tokens) from two
    batch sizes, McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1. The noise scale B_simple is the ratio of their
    averages over points, in tokens; a single point's ratio is noisy and biased.
    """

    step: int
    tokens: int
    flops: float  # exact
    learning_rate: float
    train_loss: float  # mean over the steps since the point before
    validation_loss: float  # on the first `curve_tokens` of the validation set
    gradient_norm: float
    gradient_square: float
    gradient_trace: float
    metrics: dict[str, float] = field(default_factory=dict)  # what else the task measures, on the same fixed sets


@dataclass(frozen=True)
class Timing:
    """Seconds of one run, summed over its resumptions. `train_*` leave out evaluation, compilation and set-up."""

    train_wall: float
    train_cpu: float  # CPU-seconds: the machine may be shared
    total_wall: float
    total_cpu: float
    tokens_per_second: float  # of training wall time
    matmul_peak: float  # FLOP/s measured on this device, in this dtype and thread count, once a process
    fraction_of_peak: float  # exact FLOPs / (train_wall x matmul_peak)
    resumed: int = 0  # how many times the run was continued from a checkpoint
    published_peak: float | None = None  # FLOP/s of the devices' data sheet (study/cost.py), None when not in the table

    @property
    def mfu(self) -> float:
        """Exact training FLOPs over those of the data sheet's peak; of the measured one where there is no sheet."""
        return self.fraction_of_peak * self.matmul_peak / (self.published_peak or self.matmul_peak)


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from."""

    git_commit: str
    git_dirty: bool
    lock_sha256: str
    corpus_sha256: str
    ood_sha256: str
    torch: str
    python: str
    device: str  # "cpu", or the GPU's name
    cpu: str  # model name of the host's processor
    threads: int
    host: str
    started: str  # ISO 8601, UTC
    finished: str


@dataclass(frozen=True)
class RunRecord:
    """One finished run. `losses` holds "train", "validation" and, where evaluated, "ood"; empty unless complete.

    `metrics` holds what else a task measures, by names such as "validation_policy_accuracy"; nothing for language.
    """

    config: Config
    status: str  # "complete" or "diverged"
    reason: str  # why it diverged; "" when complete
    parameters: ParameterCounts
    flops_6nd: float  # 6 x (non-embedding + unembedding) x D
    flops_exact: float
    losses: dict[str, Loss]
    curve: tuple[CurvePoint, ...]
    timing: Timing
    provenance: Provenance
    dollars: float | None = None  # hours x configured price; None when no price was given
    bytes_per_token: float | None = None  # of the corpus's train split
    metrics: dict[str, Metric] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.config.run_id


def run_directory(runs: Path, grid: str, run_id: str) -> Path:
    """Where a run's record lives: runs/<grid>/<run_id>/."""
    return runs / grid / run_id


def write_record(directory: Path, record: RunRecord) -> None:
    """Write curve.csv, then record.json (its presence means the run is finished), each by rename.

    Raises:
        RecordError: the directory already holds a record, or cannot be written.
    """
    if (directory / "record.json").exists():
        raise RecordError(f"{directory} already holds a record: records are written once")
    body = asdict(record)
    points = [{**point.pop("metrics"), **point} for point in body.pop("curve")]
    columns = [*CURVE, *(record.curve[0].metrics if record.curve else ())]
    body["config"] = record.config.to_dict()
    body["parameters"]["total"] = record.parameters.total
    body["schema"] = METRICS_SCHEMA if body["metrics"] or len(columns) > len(CURVE) else SCHEMA
    if body["schema"] == SCHEMA:
        del body["metrics"]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomic(directory / "curve.csv", to_csv(columns, points))
        write_atomic(directory / "record.json", (json.dumps(finite(body), indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise RecordError(f"cannot write {directory}: {error.strerror or error}; nothing was recorded, run again") from None


def read_record(directory: Path) -> RunRecord:
    """Read runs/<grid>/<run_id>/ back.

    Raises:
        RecordError: unreadable, of another schema, or its config does not hash to the directory's name.
    """
    path = directory / "record.json"
    try:
        body = json.loads(path.read_text())
        if (schema := body.pop("schema", None)) not in (SCHEMA, METRICS_SCHEMA):
            raise RecordError(f"{path} has schema {schema}, this version reads {SCHEMA} and {METRICS_SCHEMA}: "
                              "use another --runs directory")
        curve = tuple(map(_point, from_csv(directory / "curve.csv")))
        body["parameters"].pop("total")
        record = RunRecord(
            config=config_from(body.pop("config")),
            parameters=ParameterCounts(**body.pop("parameters")),
            losses={name: _loss(loss) for name, loss in body.pop("losses").items()},
            metrics={name: Metric(**{**_with_nan(metric), "cluster_means": tuple(metric["cluster_means"])})
                     for name, metric in body.pop("metrics", {}).items()},
            curve=curve,
            timing=Timing(**body.pop("timing")),
            provenance=Provenance(**body.pop("provenance")),
            **body,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise RecordError(f"{path} is not a readable record: {error}") from None
    if record.run_id != directory.name:
        raise RecordError(f"{path} was edited or moved: its config hashes to {record.run_id}")
    return record


def runs_folder() -> Path:
    """Whose records the articles read: $STUDY_RUNS, by default the committed ones."""
    return Path(os.environ.get("STUDY_RUNS") or COMMITTED)


def holding(name: Path, folder: Path) -> Path:
    """The folder of runs that holds the file or folder `name`: `folder`, else the committed records."""
    return folder if (folder / name).exists() else COMMITTED


def read_runs(path: Path) -> list[RunRecord]:
    """All records under one grid's directory (runs/<grid>), sorted by run_id; empty when there is none."""
    return [read_record(directory) for directory in record_directories(path)]


def record_directories(path: Path) -> Iterator[Path]:
    """Directories of finished runs under runs/<grid>, sorted by name."""
    return iter(sorted(entry.parent for entry in path.glob("[!.]*/record.json")))


def paired_difference(a: Loss, b: Loss) -> tuple[float, float]:
    """Mean loss difference a - b in nats a token and its standard error, paired and clustered by document group.

    With cluster means d_k and token weights w_k: mean = sum w_k d_k, se^2 = K/(K-1) sum w_k^2 (d_k - mean)^2.

    Raises:
        ValueError: the two were not evaluated on the same clusters.
    """
    if not a.cluster_means or a.cluster_tokens != b.cluster_tokens:
        raise ValueError("paired differences need losses on the same document clusters")
    return clustered_mean([x - y for x, y in zip(a.cluster_means, b.cluster_means, strict=True)], a.cluster_tokens)


def clustered_mean(means: Sequence[float], tokens: Sequence[int]) -> tuple[float, float]:
    """Token-weighted mean of cluster means and its cluster-robust standard error."""
    total, k = float(sum(tokens)), len(means)
    mean = sum(m * t for m, t in zip(means, tokens, strict=True)) / total
    spread = sum((t / total * (m - mean)) ** 2 for m, t in zip(means, tokens, strict=True))
    return mean, float((k / (k - 1) * spread) ** 0.5) if k > 1 else float("nan")


def write_atomic(path: Path, data: bytes) -> None:
    """Write to a temporary name beside `path`, fsync, rename: `path` is whole or absent at every moment."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, body: Mapping[str, Any]) -> None:
    """Write `body` as JSON, atomically; a number that is infinite or undefined is null."""
    write_atomic(path, (json.dumps(finite(body), indent=1, allow_nan=False) + "\n").encode())


def finite(value: Any) -> Any:
    """The same with plain numbers, and None for those JSON has no name for."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _loss(body: dict[str, Any]) -> Loss:
    return Loss(**{**_with_nan(body), "cluster_means": tuple(body["cluster_means"]),
                   "cluster_tokens": tuple(body["cluster_tokens"])})


def _with_nan(body: dict[str, Any]) -> dict[str, Any]:
    """What `finite` wrote as null is nan again; records of before it hold NaN."""
    return {name: math.nan if value is None else value for name, value in body.items()}


def _point(numbers: dict[str, float]) -> CurvePoint:
    known: dict[str, Any] = {name: int(numbers[name]) if name in ("step", "tokens") else numbers[name] for name in CURVE}
    return CurvePoint(**known, metrics={name: value for name, value in numbers.items() if name not in CURVE})


CURVE = tuple(each.name for each in fields(CurvePoint) if each.name != "metrics")  # columns of every curve.csv
