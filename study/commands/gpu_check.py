"""`study gpu-check`: what only a GPU can prove."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    device: Annotated[str, typer.Option(help="cuda or mps.")] = "cuda",
    out: Annotated[Path, typer.Option(help="Where the result goes.")] = Path("runs/bench/gpu.json"),
    steps: Annotated[int, typer.Option(min=3, help="Steps of each lab01 shape.")] = 30,
) -> None:
    """Measure speed and MFU at the shapes of lab01, and check losses against the CPU, compilation, resuming and two processes.

    It takes under ten minutes, on synthetic text: nothing is fetched. Exit code 1 when a check fails; the file says which.

    Example: `study gpu-check`
    """
    from rich.console import Console
    from rich.table import Table

    from study.bench.gpu import gpu_check
    from study.bench.machine import write
    from study.training.device import DeviceError, pick

    chosen = pick(device)
    if chosen.type == "cpu":
        raise DeviceError("gpu-check needs a GPU: --device cuda or mps")
    with Console(stderr=True, highlight=False).status("") as status:
        def progress(line: str) -> None:
            status.update(f"{line} ...")

        body = gpu_check(chosen, steps=steps, progress=progress)
    write(out, body)
    console = Console(highlight=False, soft_wrap=True)
    view = Table("shape", title=f"{body['device']}, TF32 {body['tf32']}", title_justify="left")
    for heading in ("tokens/s", "MFU", "of measured peak", "GB", "GB predicted", "loss"):
        view.add_column(heading, justify="right")
    for row in body["throughput"]:
        view.add_row(f"L{row['layers']}-d{row['width']}", f"{row['tokens_per_second']:,.0f}", f"{row['mfu']:.1%}",
                     f"{row['fraction_of_measured_peak']:.1%}", "" if row["memory"] is None else f"{row['memory'] / 1e9:.1f}",
                     f"{row['memory_predicted'] / 1e9:.1f}", f"{row['first_loss']:.2f} -> {row['last_loss']:.2f}")
    console.print(view)
    for name, check in body["checks"].items():
        by = f": {check['difference']:.2g}, at most {check['tolerance']:g}" if "difference" in check else ""
        console.print(f"{name} {'passed' if check['passed'] else 'FAILED'}{by}")
    console.print(f"{body['seconds']:.0f} s; wrote {out}")
    if not body["passed"]:
        raise typer.Exit(1)
