"""One run, from a config to a record: batches, steps, curve, checkpoints, final evaluation."""

import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from study import provenance
from study.config import Config, ConfigError
from study.cost import NOISE_BATCHES, published_peak
from study.counts import config_counts, config_flops_per_token, exact_flops, six_nd
from study.errors import Interrupted
from study.record import CurvePoint, Provenance, RunRecord, Timing
from study.training import checkpoint
from study.training.device import describe, fitting_micro_batch, functions, matmul_peak
from study.training.feed import Feed
from study.training.optim import learning_rate, square_norm
from study.training.parallel import ALONE, Team, agree, own, tell
from study.training.progress import Clock, State, note_progress, now
from study.training.step import SET_UP, Captured, Eager, Steps, captured_scores
from study.training.task import Measured, Score, Task

CHECK_EVERY = 25  # steps between checks of the clock and of the loss
STOP_CHECK_SECONDS = 1.0  # between checks for a stop where steps are long


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Denormals are zero meanwhile: those of a nearly dead unit's gradients would slow every product.

    Only meanwhile: what is computed later in this process may need that x - y = 0 means x = y.
    """
    already = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)


@flushed_denormals()
def train(config: Config, task: Task, device: torch.device, *, work: Path | None = None, checkpoint_seconds: float = 120.0,
          micro_batch: int | None = None, price_per_hour: float | None = None, stop: Callable[[], bool] = lambda: False,
          team: Team = ALONE, captured: bool = False) -> RunRecord:
    """Train one run of `task` to the end, or from the last checkpoint in `work` to the end.

    The batch is part of the run; `micro_batch` (tokens in one forward pass, by default what fits the device) and the
    team are not: they change the order of sums. Nor is `captured`: steps of whole batches are replayed from what lies on
    the device (step.py), without checkpoints; runs in threads of one process may share a device so. A non-finite loss ends
    the run with status "diverged". The caller sets the thread count; it is recorded. float32 means float32: TF32 is off, in
    products and convolutions.

    Raises:
        ConfigError: the task's data do not fit the config, or the team its batch.
        DeviceError: the run does not fit the device.
        Interrupted: `stop()` became true; a checkpoint was written, where `work` is given.
        checkpoint.CheckpointError: a checkpoint could not be written.
    """
    task.check(config, team.size)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False  # cuDNN takes TF32 for float32 convolutions by default
    model = task.build(config).to(device)
    optimiser = task.optimiser(model, config, own(team, model.parameters()))
    state = State(started=now())
    if work is not None and (found := checkpoint.load(work, model, optimiser)):
        saved = found[1]
        state = State(**{**saved, "curve": [CurvePoint(**point) for point in saved["curve"]], "resumed": saved["resumed"] + 1})
    if tell(team, state.step) != state.step:
        raise ConfigError(f"the processes of {config.run_id} found different checkpoints: {work} must be one shared folder")
    clock = Clock(state)
    with SET_UP:
        steps, scores = (capture(config, task, device, model, optimiser) if captured
                         else _eager(config, task, device, model, optimiser, micro_batch, team))
    run = _Run(config, task, device, steps, team)
    reason, last_save, last_note = "", time.monotonic(), 0.0
    marks = curve_steps(config)
    with closing(steps):
        while state.step < config.steps and not reason:
            begun, until = check_interval(state.step, marks)
            with clock.training(device):
                reason = run.advance(state, begun, until, stop)
            if not reason and state.step in marks:
                state.curve.append(run.curve_point(state, scores))
                state.loss_sum, state.loss_steps = 0.0, 0
            tick, stopping = time.monotonic(), agree(team, stop())
            if work is not None:
                if tick - last_note > 1.0 and team.rank == 0:
                    note_progress(work, config, state)
                    last_note = tick
                if (agree(team, tick - last_save > checkpoint_seconds) or stopping) and not reason:
                    clock.tick()
                    checkpoint.save(work, state.step, model, optimiser, asdict(state), team)
                    last_save = tick
            if stopping and not reason:
                raise Interrupted(f"{config.run_id}: stopped at step {state.step} of {config.steps}; run again to go on")
    measured = Measured({})
    if not reason:
        measured = task.final(config, scores, device)
        # what goes through its text again may overfit it beyond a uniform guess: its own text says whether it learned
        loss = measured.losses["train" if config.epochs > 1 else "validation"].nats_per_token
        if not loss <= task.uniform_loss(config):
            reason, measured = (f"final loss {loss:.3f} is above {task.uniform_loss(config):.3f}: worse than uniform"
                                if math.isfinite(loss) else "final loss is not finite"), Measured({})
    clock.tick()
    return _record(config, task, device, state, measured, reason, price_per_hour, team.size)


def curve_steps(config: Config) -> list[int]:
    """Steps at which the curve has a point: log-spaced from a thousandth of the run (at least 1) to its end, and its marks."""
    first = max(1.0, config.steps / 1000)
    spaced = np.geomspace(first, config.steps, config.curve_points).round().astype(int)
    return sorted({*map(int, spaced), *config.marks, config.steps})


def check_interval(step: int, marks: list[int]) -> tuple[int, int]:
    """(first, end) of the steps that `step` stands among: they end at a mark or at a multiple of CHECK_EVERY."""
    begun = max([m for m in marks if m <= step] + [step // CHECK_EVERY * CHECK_EVERY])
    return begun, min(next(m for m in marks if m > step), (step // CHECK_EVERY + 1) * CHECK_EVERY)


def _eager(config: Config, task: Task, device: torch.device, model: nn.Module, optimiser: torch.optim.Optimizer,
           micro_batch: int | None, team: Team) -> tuple[Eager, Score]:
    """Steps and scores of a run, called once so that they are compiled before the clock starts; no parameter changes."""
    loss_of, scores = functions(partial(task.loss, model), partial(task.scores, model), config, device)
    micro = micro_batch or fitting_micro_batch(config, device, processes=team.size, sharded=team.sharded)
    rows = config.batch_tokens // config.context
    feed = Feed(task.reader(config), task.order(config), rows=rows, device=device, rank=team.rank, size=team.size)
    steps = Eager(config, model, optimiser, loss_of, feed, micro, team)
    steps.gradients(0)
    with torch.no_grad():
        scores(_rows(config, task, device))
    return steps, scores


def capture(config: Config, task: Task, device: torch.device, model: nn.Module,
            optimiser: torch.optim.Optimizer) -> tuple[Captured, Score]:
    """The same, captured. The caller holds `SET_UP`.

    Raises:
        ConfigError: the task's rows cannot be read on the device.
    """
    if task.on_device is None:
        raise ConfigError(f"{config.run_id}: steps are captured for language models alone")
    loss_of, scores = functions(partial(task.loss, model), partial(task.scores, model), config, device, several=True)
    steps = Captured(config, model, optimiser, loss_of, task.on_device(config, device), task.order(config), device)
    return steps, captured_scores(scores, _rows(config, task, device), device)


def _rows(config: Config, task: Task, device: torch.device) -> Tensor:
    """As many rows as an evaluation passes at once."""
    return torch.from_numpy(task.reader(config)(np.zeros(task.rows_at_once(config), dtype=np.int64))).to(device)


class _Run:
    """One run between its steps: the curve, the noise scale, the sums."""

    def __init__(self, config: Config, task: Task, device: torch.device, steps: Steps, team: Team = ALONE) -> None:
        self.config, self.task, self.device, self.steps, self.team = config, task, device, steps, team

    def advance(self, state: State, begun: int, until: int, stop: Callable[[], bool] = lambda: False) -> str:
        """Optimiser steps up to `until`, or to a stop; returns why the run diverged, or "".

        Interrupted mid-interval, it keeps the partial sum of losses, so that resuming is bit-identical.
        """
        total = torch.full((), state.stretch_sum, dtype=torch.float64, device=self.device)
        looked = time.monotonic()
        while state.step < until:
            total += self.steps.step(state.step)
            state.step += 1
            if state.step < until and agree(self.team, time.monotonic() - looked > STOP_CHECK_SECONDS):
                if agree(self.team, stop()):
                    break
                looked = time.monotonic()
        if not math.isfinite(float(total)):
            return f"loss is not finite between steps {begun} and {until}"
        if state.step < until:
            state.stretch_sum = float(total)
            return ""
        state.loss_sum += float(total)
        state.stretch_sum = 0.0
        state.loss_steps += until - begun
        return ""

    def curve_point(self, state: State, scores: Score) -> CurvePoint:
        norm = float(self.steps.norm)
        square, trace = self.noise(state.step)
        validation, metrics = self.task.curve_metrics(self.config, scores, self.device)
        seen = state.step * self.config.batch_tokens
        return CurvePoint(state.step, seen, float(config_flops_per_token(self.config) * seen),
                          learning_rate(self.config, state.step - 1), state.loss_sum / state.loss_steps,
                          validation, norm, square, trace, metrics)

    def noise(self, step: int) -> tuple[float, float]:
        """Unbiased |G|^2 and tr(Sigma) from NOISE_BATCHES batches: those from `step` on, and from the first after the last."""
        small, mean = 0.0, [torch.zeros_like(p) for p in self.steps.parameters]
        for k in range(NOISE_BATCHES):
            self.steps.gradients(step + k)
            gradients = [p.grad for p in self.steps.parameters if p.grad is not None]
            small += square_norm(gradients) / NOISE_BATCHES
            torch._foreach_add_(mean, gradients, alpha=1.0 / NOISE_BATCHES)
            del gradients  # or the next batch's would stand beside these
        b, big = self.config.batch_tokens, self.config.batch_tokens * NOISE_BATCHES
        large = square_norm(mean)
        return (big * large - b * small) / (big - b), (small - large) / (1 / b - 1 / big)


def _record(config: Config, task: Task, device: torch.device, state: State, measured: Measured, reason: str,
            price: float | None, devices: int) -> RunRecord:
    commit, dirty = provenance.git_state()
    threads = torch.get_num_threads()
    peak = devices * matmul_peak(device, config.precision, threads)
    name = describe(device)
    published = published_peak(name, config.precision)
    done = state.step * config.batch_tokens
    rate = done / state.train_wall if state.train_wall else math.nan
    return RunRecord(
        config=config, status="diverged" if reason else "complete", reason=reason, parameters=config_counts(config),
        flops_6nd=float(six_nd(config)), flops_exact=float(exact_flops(config)), losses=measured.losses, curve=tuple(state.curve),
        timing=Timing(state.train_wall, state.train_cpu, state.total_wall, state.total_cpu, rate, peak,
                      rate * config_flops_per_token(config) / peak, state.resumed, published and devices * published),
        provenance=Provenance(commit, dirty, provenance.lock_sha256(), task.sha256, task.ood_sha256,
                              torch.__version__, platform.python_version(), name if devices == 1 else f"{devices} x {name}",
                              provenance.cpu_model(), threads, provenance.host(), state.started, now()),
        dollars=None if price is None else price * devices * state.total_wall / 3600,
        bytes_per_token=task.bytes_per_token,
        metrics=measured.metrics,
    )
