"""One run, from a config to a record: batches, steps, curve, checkpoints, final evaluation."""

import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study import provenance
from study.config import ConfigError, RunConfig
from study.cost import NOISE_BATCHES, published_peak
from study.counts import config_counts, config_flops_per_token, exact_flops, six_nd
from study.data.tokens import TokenSet, batch, train_order, windows
from study.errors import StudyError
from study.record import CurvePoint, Loss, Provenance, RunRecord, Timing
from study.training import checkpoint
from study.training.device import describe, fitting_micro_batch, functions, matmul_peak
from study.training.evaluate import evaluate, windows_at_once
from study.training.feed import Feed
from study.training.gpt import GPT, initialise
from study.training.optim import build_optimiser, clip_gradients, learning_rate, set_learning_rate, square_norm
from study.training.parallel import ALONE, Team, agree, average, own, share, tell
from study.training.progress import Clock, State, note_progress, now

CHECK_EVERY = 25  # steps between looks at the clock and at the loss
LOOK_SECONDS = 1.0  # between looks for a stop where steps are long


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
def train(config: RunConfig, tokens: TokenSet, device: torch.device, *, ood: TokenSet | None = None, work: Path | None = None,
          checkpoint_seconds: float = 120.0, micro_batch: int | None = None, price_per_hour: float | None = None,
          stop: Callable[[], bool] = lambda: False, team: Team = ALONE) -> RunRecord:
    """Train one run to the end, or from the last checkpoint in `work` to the end.

    The batch is part of the run; `micro_batch` (tokens in one forward pass, by default what fits the device) and the
    team are not: they change the order of sums. A non-finite loss ends the run with status "diverged". The caller sets
    the thread count; it is recorded. float32 means float32: TF32 stays off.

    Raises:
        ConfigError: the corpus does not fit the config, or the team its batch.
        DeviceError: the run does not fit the device.
        Interrupted: `stop()` became true; a checkpoint was written.
        checkpoint.CheckpointError: a checkpoint could not be written.
    """
    check_fit(config, tokens, ood, team)
    torch.set_float32_matmul_precision("highest")
    model = GPT(config).to(device)
    initialise(model, config.seed)
    optimiser = build_optimiser(model, config, own(team, model.parameters()))
    loss_of, token_losses = functions(model, config, device)
    micro = micro_batch or fitting_micro_batch(config, device, processes=team.size, sharded=team.sharded)
    run = _Run(config, tokens, device, model, optimiser, loss_of, micro, team)
    state = State(started=now())
    if work is not None and (found := checkpoint.load(work, model, optimiser)):
        saved = found[1]
        state = State(**{**saved, "curve": [CurvePoint(**point) for point in saved["curve"]], "resumed": saved["resumed"] + 1})
    if tell(team, state.step) != state.step:
        raise ConfigError(f"the processes of {config.run_id} found different checkpoints: {work} must be one shared folder")
    clock = Clock(state)
    run.warm_up(token_losses)
    reason, last_save, last_note = "", time.monotonic(), 0.0
    marks = curve_steps(config)
    while state.step < config.steps and not reason:
        begun, until = stretch(state.step, marks)
        with clock.training(device):
            reason = run.advance(state, begun, until, stop)
        if not reason and state.step in marks:
            state.curve.append(run.curve_point(state, token_losses))
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
    losses: dict[str, Loss] = {}
    if not reason:
        losses = run.final_losses(token_losses, ood)
        if losses["validation"].nats_per_token > math.log(config.vocabulary):
            reason, losses = f"final loss {losses['validation'].nats_per_token:.3f} is above ln V: worse than uniform", {}
    clock.tick()
    return _record(config, tokens, ood, device, state, losses, reason, price_per_hour, team.size)


def check_fit(config: RunConfig, tokens: TokenSet, ood: TokenSet | None, team: Team = ALONE) -> None:
    """The corpus can feed this run, and its batch the team.

    Raises:
        ConfigError: another vocabulary, D beyond the unique tokens without `epochs`, or a batch of unequal parts.
    """
    if config.batch_tokens % (config.context * team.size):
        raise ConfigError(f"{config.run_id}: a batch of {config.batch_tokens // config.context} sequences has no "
                          f"{team.size} equal parts")
    if tokens.vocabulary != config.vocabulary:
        raise ConfigError(f"corpus {tokens.name} has a vocabulary of {tokens.vocabulary}, the run wants {config.vocabulary}")
    unique = windows(visible(tokens, config), config.context) * config.context
    if config.unique_tokens > len(tokens.train):
        raise ConfigError(f"{config.run_id} wants {config.unique_tokens} unique tokens; {tokens.name} has {len(tokens.train)}")
    if config.tokens > unique * config.epochs:
        raise ConfigError(f"{config.run_id} wants {config.tokens} tokens; it may see {unique} unique ones of {tokens.name}: "
                          "lower D or set epochs")
    if bool(config.ood_corpus) != (ood is not None):
        raise ConfigError(f"{config.run_id} names out-of-distribution corpus {config.ood_corpus!r}, another was given")


def visible(tokens: TokenSet, config: RunConfig) -> NDArray[np.uint16]:
    """The train tokens that the run may see. Packaged corpora are in the order of a hash, so a prefix is a random sample."""
    return tokens.train[: config.unique_tokens or None]


def curve_steps(config: RunConfig) -> list[int]:
    """Steps at which the curve has a point: log-spaced from a thousandth of the run (at least 1) to its end."""
    first = max(1.0, config.steps / 1000)
    return [int(s) for s in np.unique(np.geomspace(first, config.steps, config.curve_points).round().astype(int))]


def stretch(step: int, marks: list[int]) -> tuple[int, int]:
    """(first, end) of the steps that `step` stands among: they end at a mark or at a multiple of CHECK_EVERY."""
    begun = max([m for m in marks if m <= step] + [step // CHECK_EVERY * CHECK_EVERY])
    return begun, min(next(m for m in marks if m > step), (step // CHECK_EVERY + 1) * CHECK_EVERY)


class _Run:
    """The moving parts of one run."""

    def __init__(self, config: RunConfig, tokens: TokenSet, device: torch.device, model: GPT, optimiser: torch.optim.Optimizer,
                 loss_of: Callable[[Tensor], Tensor], micro_batch: int, team: Team = ALONE) -> None:
        self.config, self.tokens, self.device, self.model, self.optimiser = config, tokens, device, model, optimiser
        self.loss_of, self.team = loss_of, team
        self.parameters = list(model.parameters())
        self.train = visible(tokens, config)
        count = windows(self.train, config.context)
        order = np.concatenate([train_order(count, config.seed + (e << 32)) for e in range(config.epochs)])
        rows = config.batch_tokens // config.context
        self.feed = Feed(self.train, order, rows=rows, context=config.context, device=device, rank=team.rank, size=team.size)
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

    def warm_up(self, token_losses: Callable[[Tensor], Tensor]) -> None:
        """Compile before the clock starts; no parameter changes."""
        self.gradients(0)
        context = self.config.context
        first = np.zeros(windows_at_once(context), dtype=np.int64)
        with torch.no_grad():
            token_losses(torch.from_numpy(batch(self.tokens.train, first, context)).to(self.device))

    def advance(self, state: State, begun: int, until: int, stop: Callable[[], bool] = lambda: False) -> str:
        """Optimiser steps up to `until`, or to a stop; returns why the run diverged, or "".

        A stop between two looks keeps the sum so far as it is: resumed, the run adds up in the same order.
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

    def curve_point(self, state: State, token_losses: Callable[[Tensor], Tensor]) -> CurvePoint:
        norm = float(self.norm)
        square, trace = self.noise(state.step)
        validation = evaluate(token_losses, self.tokens.validation, self.tokens.validation_groups, context=self.config.context,
                              tokens=self.config.curve_tokens, device=self.device,
                              bytes_per_token=self.tokens.validation_bytes_per_token)
        seen = state.step * self.config.batch_tokens
        return CurvePoint(state.step, seen, float(config_flops_per_token(self.config) * seen),
                          learning_rate(self.config, state.step - 1), state.loss_sum / state.loss_steps,
                          validation.nats_per_token, norm, square, trace)

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

    def final_losses(self, token_losses: Callable[[Tensor], Tensor], ood: TokenSet | None) -> dict[str, Loss]:
        """Validation on `eval_tokens`; a fixed train subset and the out-of-distribution corpus on half as many."""
        tokens = self.tokens
        sets = {"validation": (tokens.validation, tokens.validation_groups, tokens.validation_bytes_per_token),
                "train": (self.train[: len(tokens.train_groups)], tokens.train_groups[: len(self.train)], tokens.bytes_per_token)}
        if ood is not None:
            sets["ood"] = (ood.validation, ood.validation_groups, ood.validation_bytes_per_token)
        full = self.config.eval_tokens
        return {name: evaluate(token_losses, stream, groups, context=self.config.context,
                               tokens=full if name == "validation" else full // 2, bytes_per_token=size, device=self.device,
                               keep_clusters=name == "validation")
                for name, (stream, groups, size) in sets.items()}


def _record(config: RunConfig, tokens: TokenSet, ood: TokenSet | None, device: torch.device, state: State,
            losses: dict[str, Loss], reason: str, price: float | None, devices: int) -> RunRecord:
    commit, dirty = provenance.git_state()
    threads = torch.get_num_threads()
    peak = devices * matmul_peak(device, config.precision, threads)
    name = describe(device)
    published = published_peak(name, config.precision)
    done = state.step * config.batch_tokens
    rate = done / state.train_wall if state.train_wall else math.nan
    return RunRecord(
        config=config, status="diverged" if reason else "complete", reason=reason, parameters=config_counts(config),
        flops_6nd=float(six_nd(config)), flops_exact=float(exact_flops(config)), losses=losses, curve=tuple(state.curve),
        timing=Timing(state.train_wall, state.train_cpu, state.total_wall, state.total_cpu, rate, peak,
                      rate * config_flops_per_token(config) / peak, state.resumed, published and devices * published),
        provenance=Provenance(commit, dirty, provenance.lock_sha256(), tokens.sha256, ood.sha256 if ood else "",
                              torch.__version__, platform.python_version(), name if devices == 1 else f"{devices} x {name}",
                              provenance.cpu_model(), threads, provenance.host(), state.started, now()),
        dollars=None if price is None else price * devices * state.total_wall / 3600,
        bytes_per_token=tokens.bytes_per_token,
    )
