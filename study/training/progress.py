"""What a run knows of itself between steps: sums, curve, seconds, and the note it leaves for whoever watches."""

import datetime
import json
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from study.config import Config
from study.record import CurvePoint
from study.training.device import synchronise


@dataclass
class State:
    """What a checkpoint holds beside tensors."""

    step: int = 0
    loss_sum: float = 0.0  # over the steps since the last curve point
    loss_steps: int = 0
    curve: list[CurvePoint] = field(default_factory=list)
    train_wall: float = 0.0
    train_cpu: float = 0.0
    total_wall: float = 0.0
    total_cpu: float = 0.0
    resumed: int = 0
    started: str = ""
    stretch_sum: float = 0.0  # losses of an interrupted interval, which join loss_sum when it ends


class Clock:
    """Adds wall and CPU seconds to a State."""

    def __init__(self, state: State) -> None:
        self.state, self.wall, self.cpu = state, time.perf_counter(), time.process_time()

    def tick(self) -> None:
        """Add what passed since the last tick to the totals."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.state.total_wall += wall - self.wall
        self.state.total_cpu += cpu - self.cpu
        self.wall, self.cpu = wall, cpu

    def training(self, device: torch.device) -> "_Span":
        """A context whose seconds are training seconds."""
        return _Span(self.state, device)


class _Span:
    def __init__(self, state: State, device: torch.device) -> None:
        self.state, self.device = state, device

    def __enter__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        synchronise(self.device)
        self.state.train_wall += time.perf_counter() - self.wall
        self.state.train_cpu += time.process_time() - self.cpu


def note_progress(work: Path, config: Config, state: State) -> None:
    """progress.json, for whoever watches; losing one is no loss: it is not synced, and a disk that is full stops no run."""
    rate = state.step * config.batch_tokens / state.train_wall if state.train_wall else 0.0
    loss = state.loss_sum / state.loss_steps if state.loss_steps else (state.curve[-1].train_loss if state.curve else math.nan)
    note = {"step": state.step, "steps": config.steps, "loss": loss, "tokens_per_second": rate, "time": time.time()}
    with suppress(OSError):
        work.mkdir(parents=True, exist_ok=True)
        temporary = work / ".progress"
        temporary.write_text(json.dumps(note))
        temporary.replace(work / "progress.json")


def now() -> str:
    """The time, ISO 8601 in UTC to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
