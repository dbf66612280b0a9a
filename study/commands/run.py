"""`study run`: train a grid."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from study.grids.design import Grid
    from study.record import RunRecord


def command(
    grid: Annotated[str, typer.Option(
        help="The grid to train, such as quick, cpu or go; or a file NAME.json, as `study next --grid` writes it.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes (default: one a GPU, else cores / threads).")] = None,
    runs: Annotated[Path, typer.Option(help="Where records go: RUNS/GRID/RUN_ID/.")] = Path("runs"),
    only: Annotated[list[str] | None, typer.Option(help="Train only this run_id (repeatable).")] = None,
    split: Annotated[str | None, typer.Option(help="Train only the runs of this split: fit, held-out or tuning.")] = None,
    device: Annotated[str | None, typer.Option(
         help="cpu, cuda, mps, or auto: the first of cuda, mps, cpu (default: cpu for float32 grids, auto for bfloat16).")] = None,
    threads: Annotated[int, typer.Option(
        min=1, help="Threads of each worker. Their number changes the last bits of a loss, and is recorded.")] = 1,
    price: Annotated[float | None, typer.Option(min=0, help="Dollars an hour of one device, for the records.")] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints.")] = 120.0,
    devices_per_run: Annotated[int, typer.Option(min=1, help="GPUs that train one run together, for runs too big for one.")] = 1,
    ray: Annotated[bool, typer.Option("--ray", help="Train on a Ray cluster, one run a task (extra `cluster`).")] = False,
    address: Annotated[str | None, typer.Option(help="Ray: the cluster's address, or auto (default: one started here).")] = None,
    storage: Annotated[str | None, typer.Option(
        help="Ray: where checkpoints go when nodes do not share RUNS, e.g. s3://bucket/checkpoints (any fsspec URL).")] = None,
    mlflow_uri: Annotated[str | None, typer.Option(help="Also log the records to this MLflow store (extra `track`).")] = None,
) -> None:
    """Train every run of a grid that has no record yet. Resuming is the default: run the same command again.

    Example: `study run --grid quick --workers 2`; the fitted runs alone: `study run --grid cpu3 --split fit`
    """
    from rich.console import Console

    from study.errors import StudyError
    from study.extras import need
    from study.grids import grid as named
    from study.launch import ray as cluster
    from study.launch.gpus import on_gpus
    from study.launch.local import run_grid, writable
    from study.launch.worker import Options

    console, chosen = Console(), named(grid)
    only = _of_split(chosen, split, only) if split else only
    if not ray and (address or storage):
        raise StudyError("--address and --storage are for --ray")
    if device is None:
        device = "auto" if any(cell.config.precision == "bfloat16" for cell in chosen.cells) else "cpu"
    devices = on_gpus(device)
    workers = workers or max(1, len(devices) // devices_per_run if devices else (os.cpu_count() or 1) // threads)
    options = Options(workers, threads, device, price, checkpoint_seconds, devices_per_run)
    need("torch", "training")
    if mlflow_uri:
        need("mlflow", "--mlflow-uri")
    writable(runs / chosen.name)
    if not ray:
        _prepare(chosen.corpus, sorted({cell.config.ood_corpus for cell in chosen.cells} - {""}))
    if devices and any(cell.config.precision == "float32" for cell in chosen.cells):
        console.print("TF32 is off: float32 products are float32", highlight=False)
    if ray:
        state = cluster.run_grid(chosen, runs, options, only=only or (), address=address, storage=storage, console=console,
                                 mlflow_uri=mlflow_uri)
    else:
        state = run_grid(chosen, runs, options, only=only or (), console=console, mlflow_uri=mlflow_uri)
    unfinished = len([r for r in state.done.values() if r.status != "complete"])
    console.print(f"{len(state.done)} of {len(chosen.cells)} runs of {chosen.name} recorded in {runs / chosen.name}"
                  + (f", {unfinished} of them diverged or failed" if unfinished else ""), highlight=False)
    _say_costs(chosen, state.done, console)


def _of_split(chosen: "Grid", split: str, only: list[str] | None) -> list[str]:
    """The run_ids of a split: what lets a held-out run wait for its prediction."""
    from study.errors import StudyError
    from study.grids.design import SPLITS

    if only:
        raise StudyError("--only and --split each name the runs to train: give one of them")
    if split not in SPLITS:
        raise StudyError(f"--split {split}: one of {', '.join(SPLITS)}")
    ids = [cell.config.run_id for cell in chosen.of(split)]
    if not ids:
        raise StudyError(f"the grid {chosen.name} has no run of the split {split}")
    return ids


def _prepare(corpus: str, others: list[str]) -> None:
    """Prepare the corpora before any worker starts, so that a failed download is reported once."""
    from study.data.go.positions import NAME, open_positions
    from study.data.tokens import encode_for, prepare

    if corpus == NAME:
        open_positions()
        return
    prepare(corpus, progress=True)
    for name in others:
        encode_for(name, corpus, progress=True)


def _say_costs(chosen: "Grid", done: "Mapping[str, RunRecord]", console: "Console") -> None:
    """Print the counted size and cost of each run of a small GPU grid, whose names are approximate."""
    from study.launch.show import duration

    if len(chosen.cells) > 4 or chosen.cells[0].config.precision == "float32":
        return
    for run_id, record in done.items():
        counts, timing, D = record.parameters, record.timing, record.config.tokens
        price = "" if record.dollars is None else f", {record.dollars:.2f} dollars"
        console.print(f"{run_id}: {counts.non_embedding / 1e6:.3g}M non-embedding parameters, {counts.multiplying / 1e6:.3g}M with "
                      f"the unembedding, {D:.3g} tokens; 6ND {6 * counts.non_embedding * D:.3g} FLOP without embeddings, "
                      f"{record.flops_exact:.3g} exact; {duration(timing.total_wall)}, MFU {timing.mfu:.1%}{price}",
                      highlight=False, soft_wrap=True)
