"""Tracking in MLflow (extra `track`): configs, curves and artefacts of finished runs. Never in the way of a run.

A thread of the launcher logs; a store that is slow or gone costs a line at the end, not a run. A run already in the store
is not logged again, so that a later launch makes up for what an earlier one could not log.
"""

import math
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from study.errors import first_line
from study.extras import need
from study.record import RunRecord, run_directory

LAST_SECONDS = 60.0  # for what is left to log when the grid ends
TAG = "study.run_id"


@contextmanager
def tracked(uri: str | None, grid: str, runs: Path, console: Console) -> Iterator[Callable[[Mapping[str, RunRecord]], None]]:
    """A function that takes the records so far and has the new ones logged to `uri`; without one it does nothing.

    Raises:
        ExtraError: MLflow is not installed.
    """
    if uri is None:
        yield lambda _: None
        return
    need("mlflow", "--mlflow-uri")
    waiting: queue.Queue[RunRecord | None] = queue.Queue()
    failures: list[str] = []
    thread = threading.Thread(target=_log_all, args=(uri, grid, runs, waiting, failures), daemon=True)
    thread.start()
    given: set[str] = set()

    def track(done: Mapping[str, RunRecord]) -> None:
        for run_id, record in done.items():
            if run_id not in given:
                given.add(run_id)
                waiting.put(record)

    try:
        yield track
    finally:
        waiting.put(None)
        thread.join(LAST_SECONDS)
        if thread.is_alive():
            failures.append(f"{uri} did not answer in time")
        if failures:
            console.print(f"tracking: not all of {len(given)} runs could be logged ({failures[-1]}); the records are whole, and "
                          "the same command logs what is missing", highlight=False)


def _log_all(uri: str, grid: str, runs: Path, waiting: "queue.Queue[RunRecord | None]", failures: list[str]) -> None:
    store: tuple[Any, str] | None = None
    while (record := waiting.get()) is not None:
        try:
            store = store or _open(uri, grid)
            log_record(*store, record, run_directory(runs, grid, record.run_id))
        except Exception as error:  # whatever the store raises, training goes on
            failures.append(first_line(error))


def _open(uri: str, grid: str) -> tuple[Any, str]:
    """(client, experiment) of a grid; artefacts of a sqlite store go beside it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(f"study/{grid}")
    if found is not None:
        return client, found.experiment_id
    beside = Path(uri.removeprefix("sqlite:///")).resolve().parent / "artifacts" if uri.startswith("sqlite:///") else None
    return client, client.create_experiment(f"study/{grid}", artifact_location=beside.as_uri() if beside else None)


def log_record(client: Any, experiment: str, record: RunRecord, directory: Path) -> None:
    """Log one run: its config as parameters, its curve and losses as metrics (step = tokens), its files as artefacts."""
    from mlflow.entities import Metric, Param, RunTag

    if client.search_runs([experiment], f"tags.`{TAG}` = '{record.run_id}' and attributes.status = 'FINISHED'"):
        return
    made = client.create_run(experiment, tags={TAG: record.run_id, "mlflow.runName": record.run_id})
    counts = {f"parameters_{key}": getattr(record.parameters, key) for key in ("non_embedding", "multiplying", "total")}
    params = {**record.config.to_dict(), **counts, "flops_6nd": record.flops_6nd, "flops_exact": record.flops_exact}
    tags = {"status": record.status, "reason": record.reason, "git_commit": record.provenance.git_commit,
            "device": record.provenance.device, "host": record.provenance.host}
    points = [(name, getattr(point, name), point.tokens) for point in record.curve
              for name in ("train_loss", "validation_loss", "learning_rate", "gradient_norm")]
    points += [(f"final_{name}_loss", loss.nats_per_token, record.config.tokens) for name, loss in record.losses.items()]
    points += [(name, getattr(record.timing, name), record.config.tokens) for name in ("tokens_per_second", "mfu", "total_wall")]
    metrics = [Metric(name, float(value), 0, step) for name, value, step in points if math.isfinite(value)]
    client.log_batch(made.info.run_id, params=[Param(key, str(value)) for key, value in params.items()],
                     tags=[RunTag(key, value) for key, value in tags.items()])
    for start in range(0, len(metrics), 1000):  # the most that a request may hold
        client.log_batch(made.info.run_id, metrics=metrics[start:start + 1000])
    for name in ("record.json", "curve.csv"):
        client.log_artifact(made.info.run_id, str(directory / name))
    client.set_terminated(made.info.run_id, "FINISHED")
