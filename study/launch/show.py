"""What a person sees while a grid trains: a live table on a terminal, else a line for each run that finishes."""

import time

from rich.console import Console
from rich.live import Live
from rich.table import Table

from study.grids.design import Grid
from study.launch.state import GridState


class Show:
    """Shows a GridState each time it is called with one."""

    def __init__(self, console: Console, grid: Grid) -> None:
        self.console, self.grid = console, grid
        self.live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self.known: set[str] | None = None
        self.started = time.monotonic()
        self.work_at_start: float | None = None

    def __enter__(self) -> "Show":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, state: GridState) -> None:
        if self.known is None:
            self.known, self.work_at_start = set(state.done), state.work_left
        new = [run_id for run_id in state.done if run_id not in self.known]
        left = self._time_left(state) if new or self.live else ""
        for run_id in new:
            self.known.add(run_id)
            self.console.print(_line(state, run_id, len(self.known), len(self.grid.cells), left), highlight=False)
        if self.live:
            self.live.update(self._table(state, left))

    def _time_left(self, state: GridState) -> str:
        work_left = state.work_left
        done = (self.work_at_start or 0.0) - work_left
        if done <= 0:
            return "?"
        return duration((time.monotonic() - self.started) * work_left / done)

    def _table(self, state: GridState, left: str) -> Table:
        view = Table(title=f"{self.grid.name}: {len(state.done)} of {len(self.grid.cells)} runs done, "
                           f"{left} left", title_justify="left")
        for column in ("run", "step", "loss", "tokens/s"):
            view.add_column(column, justify="left" if column == "run" else "right")
        for run_id, note in state.running.items():
            step = f"{note['step']:,} / {note['steps']:,}" if note else "starting"
            view.add_row(run_id, step, f"{note['loss']:.3f}" if note else "", f"{note['tokens_per_second']:,.0f}" if note else "")
        return view


def _line(state: GridState, run_id: str, count: int, total: int, left: str) -> str:
    record = state.done[run_id]
    loss = record.losses["validation"].nats_per_token if record.losses else float("nan")
    return (f"{count}/{total} {run_id} {record.status} loss {loss:.4f} "
            f"{record.timing.tokens_per_second:,.0f} tokens/s {duration(record.timing.total_wall)}, {left} left")


def duration(seconds: float) -> str:
    """Seconds for a reader: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
