"""`study bench`: side-by-side measurements, into runs/bench/."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def command(
    what: Annotated[Literal["train", "loss", "fit", "render", "launch", "next", "coverage"],
                    typer.Argument(help="train (tokens a second beside transformers), loss (CPU-seconds to a loss "
                                        "beside nanoGPT's recipe), fit, render, launch (Ray), next (replays) or coverage "
                                        "(of intervals after an adaptive choice).")],
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = Path("runs/bench"),
    device: Annotated[str, typer.Option(help="train, loss: cpu, cuda or auto.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="train: threads of compute.")] = 1,
    widths: Annotated[str, typer.Option(help="train: widths, separated by commas.")] = "32,48,64,96,128,192,256",
    precision: Annotated[str, typer.Option(help="train: float32 or bfloat16.")] = "float32",
    turns: Annotated[int, typer.Option(min=1, help="train, loss, render: how often each arm takes its turn.")] = 5,
    table: Annotated[str, typer.Option(help="next: the grid or the open table to replay.")] = "cpu",
    starts: Annotated[int, typer.Option(min=1, help="next: random starts of each rule.")] = 50,
    simulations: Annotated[int, typer.Option(min=1, help="coverage: simulated studies.")] = 200,
    rules: Annotated[str, typer.Option(help="next: rules to replay, separated by commas; all by default.")] = "",
) -> None:
    """Measure, side by side, what the report says of speed. Use an idle machine: the file says how busy it was.

    loss trains for two hours, in runs that loss-runs.json keeps: a stopped command goes on where it stopped. Their losses need no
    idle machine; its last minutes, which measure speed, do.

    Example: `study bench train`
    """
    from rich.console import Console

    from study.bench.machine import BenchError, write

    errors = Console(stderr=True, highlight=False)
    if what == "next":
        from study.bench.next_run import replayed
        from study.commands.next import report_replay
        from study.inference.replay import RULES

        with errors.status("") as status:
            found = replayed(table, starts, out, rules=tuple(filter(None, rules.split(","))) or RULES,
                             say=lambda step: status.update(f"{table}: {step} ..."))
        report_replay(found, Console(highlight=False))
        return
    with errors.status("") as status:
        def progress(line: str) -> None:
            status.update(f"{line} ...")

        body: dict[str, Any]
        if what == "train":
            from study.bench.train import SHAPES, bench_train
            from study.training.device import pick

            chosen = [int(part) if part.strip().isdigit() else 0 for part in widths.split(",")]
            if not set(chosen) <= SHAPES.keys():
                raise BenchError(f"--widths {widths}: choose from {', '.join(map(str, SHAPES))}")
            body = bench_train(pick(device), widths=chosen, precision=precision, threads=threads, turns=turns, progress=progress)
        elif what == "loss":
            from study.bench.loss import bench_loss
            from study.data.tokens import prepare
            from study.training.device import pick

            body = bench_loss(prepare("python-dedup"), pick(device), out / "loss-runs.json", turns=turns, progress=progress)
        elif what == "fit":
            from study.bench.fit import bench_fit

            body = bench_fit(progress=progress)
        elif what == "render":
            from study.bench.render import bench_render

            body = bench_render(Path.cwd(), repeats=turns, progress=progress)
        elif what == "coverage":
            from study.bench.coverage import bench_coverage
            from study.bench.machine import machine

            body = bench_coverage(simulations, progress=progress) | {"machine": machine("numpy", "scipy", "numba")}
        else:
            from study.bench.launch import bench_launch

            body = bench_launch(progress=progress)
    path = write(out / f"{what}.json", body)
    console = Console(highlight=False, soft_wrap=True)
    for key, value in body.items():
        if isinstance(value, float | int):
            console.print(f"{key}: {value:.4g}")
        elif isinstance(value, dict) and key in ("fraction_of_matmul_peak", "seconds", "nuts", "nuts_headline", "pymc_nuts"):
            console.print(f"{key}: " + ", ".join(f"{name} {number:.3g}" for name, number in value.items()))
    if not body["machine"]["idle"]:
        console.print(f"the machine was busy ({body['machine']['busy']:.0%} of it with other work): these are not figures to quote")
    console.print(f"wrote {path}")
