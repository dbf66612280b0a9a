"""One run, from a config to a record: batches, steps, curve, checkpoints, final evaluation."""

import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from study.errors import StudyError
from study.record import CurvePoint, Provenance, RunRecord, Timing
from study.training import checkpoint
from study.training.device import describe, fitting_micro_batch, functions, matmul_peak
from study.training.feed import Feed
from study.training.optim import clip_gradients, learning_rate, set_learning_rate, square_norm
from study.training.parallel import ALONE, Team, agree, average, own, share, tell
from study.training.progress import Clock, State, note_progress, now
from study.training.task import Measured, Score, Task

CHECK_EVERY = 25  # steps between checks of the clock and of the loss
LOOK_SECONDS = 1.0  # between checks for a stop where steps are long


class Interrupted(StudyError):
    """The run was asked to stop; a checkpoint holds all it did."""


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
          team: Team = ALONE) -> RunRecord:
    """Train one run of `task` to the end, or from the last checkpoint in `work` to the end.

    The batch is part of the run; `micro_batch` (tokens in one forward pass, by default what fits the device) and the
    team are not: they change the order of sums. A non-finite loss ends the run with status "diverged". The caller sets
    the thread count; it is recorded. float32 means float32: TF32 stays off.

    Raises:
        ConfigError: the task's data do not fit the config, or the team its batch.
        DeviceError: the run does not fit the device.
        Interrupted: `stop()` became true; a checkpoint was written.
        checkpoint.CheckpointError: a checkpoint could not be written.
    """
    task.check(config, team.size)
    torch.set_float32_matmul_precision("highest")
    model = task.build(config).to(device)
    optimiser = task.optimiser(model, config, own(team, model.parameters()))
    loss_of, scores = functions(partial(task.loss, model), partial(task.scores, model), config, device)
    micro = micro_batch or fitting_micro_batch(config, device, processes=team.size, sharded=team.sharded)
    run = _Run(config, task, device, model, optimiser, loss_of, micro, team)
    state = State(started=now())
    if work is not None and (found := checkpoint.load(work, model, optimiser)):
        saved = found[1]
        state = State(**{**saved, "curve": [CurvePoint(**point) for point in saved["curve"]], "resumed": saved["resumed"] + 1})
    if tell(team, state.step) != state.step:
        raise ConfigError(f"the processes of {config.run_id} found different checkpoints: {work} must be one shared folder")
    clock = Clock(state)
    run.warm_up(scores)
    reason, last_save, last_note = "", time.monotonic(), 0.0
    marks = curve_steps(config)
    while state.step < config.steps and not reason:
        begun, until = stretch(state.step, marks)
        with clock.training(device):
            reason = run.advance(state, begun, until, stop)
        if not reason and state.step in marks:
            state.curve.append(run.curve_point(state, scores))
            state.loss_sum, state.loss_steps = 0.0, 0
        moment, stopping = time.monotonic(), agree(team, stop())
        if work is not None:
            if moment - last_note > 1.0 and team.rank == 0:
                note_progress(work, config, state)
                last_note = moment
            if (agree(team, moment - last_save > checkpoint_seconds) or stopping) and not reason:
                clock.tick()
                checkpoint.save(work, state.step, model, optimiser, asdict(state), team)
                last_save = moment
        if stopping and not reason:
            raise Interrupted(f"{config.run_id}: stopped at step {state.step} of {config.steps}; run again to go on")
    run.feed.close()
    measured = Measured({})
    if not reason:
        measured = task.final(config, scores, device)
        loss = measured.losses["validation"].nats_per_token
        if loss > task.worst(config):
            reason, measured = f"final loss {loss:.3f} is above {task.worst(config):.3f}: worse than uniform", Measured({})
    clock.tick()
    return _record(config, task, device, state, measured, reason, price_per_hour, team.size)


def curve_steps(config: Config) -> list[int]:
    """Steps at which the curve has a point: log-spaced from a thousandth of the run (at least 1) to its end, and its marks."""
    first = max(1.0, config.steps / 1000)
    spaced = np.geomspace(first, config.steps, config.curve_points).round().astype(int)
    return sorted({*map(int, spaced), *config.marks})


def stretch(step: int, marks: list[int]) -> tuple[int, int]:
    """(first, end) of the steps that `step` stands among: they end at a mark or at a multiple of CHECK_EVERY."""
    begun = max([m for m in marks if m <= step] + [step // CHECK_EVERY * CHECK_EVERY])
    return begun, min(next(m for m in marks if m > step), (step // CHECK_EVERY + 1) * CHECK_EVERY)


class _Run:
    """The moving parts of one run."""

    def __init__(self, config: Config, task: Task, device: torch.device, model: nn.Module, optimiser: torch.optim.Optimizer,
                 loss_of: Callable[[Tensor], Tensor], micro_batch: int, team: Team = ALONE) -> None:
        self.config, self.task, self.device, self.optimiser = config, task, device, optimiser
        self.loss_of, self.team = loss_of, team
        self.parameters = list(model.parameters())
        rows = config.batch_tokens // config.context
        self.feed = Feed(task.reader(config), task.order(config), rows=rows, device=device, rank=team.rank, size=team.size)
        most = max(1, micro_batch // config.context)
        self.micro = max(r for r in range(1, self.feed.count + 1) if self.feed.count % r == 0 and (r <= most or r == 1))

    def gradients(self, index: int) -> Tensor:
        """Mean gradient of batch `index` into .grad, by micro-batches; returns the mean loss."""
        data = self.feed(index)
        total = torch.zeros((), device=self.device)
        for parameter in self.parameters:  # not the optimiser's: it may hold a part of them
            parameter.grad = None
        for part in data.split(self.micro):
            loss = self.loss_of(part) * (len(part) / len(data))
            loss.backward()
            total += loss.detach()
        average(self.team, [*(p.grad for p in self.parameters if p.grad is not None), total])
        return total

    def warm_up(self, scores: Score) -> None:
        """Compile before the clock starts; no parameter changes."""
        self.gradients(0)
        first = np.zeros(self.task.rows_at_once(self.config), dtype=np.int64)
        with torch.no_grad():
            scores(torch.from_numpy(self.feed.read(first)).to(self.device))

    def advance(self, state: State, begun: int, until: int, stop: Callable[[], bool] = lambda: False) -> str:
        """Optimiser steps up to `until`, or to a stop; returns why the run diverged, or "".

        Interrupted mid-interval, it keeps the partial sum of losses, so that resuming is bit-identical.
        """
        total = torch.full((), state.stretch_sum, dtype=torch.float64, device=self.device)
        looked = time.monotonic()
        while state.step < until:
            set_learning_rate(self.optimiser, learning_rate(self.config, state.step))
            total += self.gradients(state.step)
            self.norm = clip_gradients([p.grad for p in self.parameters if p.grad is not None], self.config.gradient_clip)
            self.optimiser.step()
            share(self.team, self.parameters)
            state.step += 1
            if state.step < until and agree(self.team, time.monotonic() - looked > LOOK_SECONDS):
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
        norm = float(self.norm)
        square, trace = self.noise(state.step)
        validation, metrics = self.task.look(self.config, scores, self.device)
        seen = state.step * self.config.batch_tokens
        return CurvePoint(state.step, seen, float(config_flops_per_token(self.config) * seen),
                          learning_rate(self.config, state.step - 1), state.loss_sum / state.loss_steps,
                          validation, norm, square, trace, metrics)

    def noise(self, step: int) -> tuple[float, float]:
        """Unbiased |G|^2 and tr(Sigma) from NOISE_BATCHES batches still to come (they change no parameter)."""
        small, mean = 0.0, [torch.zeros_like(p) for p in self.parameters]
        for k in range(NOISE_BATCHES):
            self.gradients(step + k)
            gradients = [p.grad for p in self.parameters if p.grad is not None]
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
