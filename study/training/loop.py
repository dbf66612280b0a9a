"""One run, from a config to a record: batches, steps, curve, checkpoints, final evaluation."""

import datetime
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from study import provenance
from study.config import ConfigError, RunConfig
from study.counts import config_counts, config_flops_per_token, exact_flops, six_nd
from study.data.tokens import TokenSet, batch, train_order, windows
from study.errors import StudyError
from study.record import CurvePoint, Loss, Provenance, RunRecord, Timing
from study.training import checkpoint
from study.training.device import describe, functions, matmul_peak, synchronise
from study.training.evaluate import evaluate
from study.training.gpt import GPT, initialise
from study.training.optim import adamw, clip_gradients, learning_rate, set_learning_rate, square_norm

NOISE_BATCHES = 4  # gradients of four batches estimate the noise scale at a curve point
CHECK_EVERY = 25  # steps between looks at the clock and at the loss


class Interrupted(StudyError):
    """The run was asked to stop; a checkpoint holds all it did."""


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


def train(config: RunConfig, tokens: TokenSet, device: torch.device, *, ood: TokenSet | None = None, work: Path | None = None,
          checkpoint_seconds: float = 120.0, micro_batch: int | None = None, price_per_hour: float | None = None,
          stop: Callable[[], bool] = lambda: False) -> RunRecord:
    """Train one run to the end, or from the last checkpoint in `work` to the end.

    The batch is part of the run; `micro_batch` (tokens in one forward pass) is not. A non-finite loss ends the run with
    status "diverged". The caller sets the thread count; it is recorded.

    Raises:
        ConfigError: the corpus does not fit the config.
        Interrupted: `stop()` became true; a checkpoint was written.
        checkpoint.CheckpointError: a checkpoint could not be written.
    """
    check_fit(config, tokens, ood)
    torch.set_flush_denormal(True)  # denormal gradients of a nearly dead unit would slow every product
    model = GPT(config).to(device)
    initialise(model, config.seed)
    optimiser = adamw(model, config)
    loss_of, token_losses = functions(model, config, device)
    run = _Run(config, tokens, device, model, optimiser, loss_of, micro_batch or config.batch_tokens)
    state = State(started=_now())
    if work is not None and (found := checkpoint.load(work, model, optimiser)):
        saved = found[1]
        state = State(**{**saved, "curve": [CurvePoint(**point) for point in saved["curve"]], "resumed": saved["resumed"] + 1})
    clock = _Clock(state)
    run.warm_up(token_losses)
    reason, last_save, last_note = "", time.monotonic(), 0.0
    marks = curve_steps(config)
    while state.step < config.steps and not reason:
        until = min(next(m for m in marks if m > state.step), (state.step // CHECK_EVERY + 1) * CHECK_EVERY)
        with clock.training(device):
            reason = run.advance(state, until)
        if not reason and state.step in marks:
            state.curve.append(run.curve_point(state, token_losses))
            state.loss_sum, state.loss_steps = 0.0, 0
        now = time.monotonic()
        if work is not None:
            if now - last_note > 1.0:
                _note_progress(work, config, state)
                last_note = now
            if (now - last_save > checkpoint_seconds or stop()) and not reason:
                clock.tick()
                checkpoint.save(work, state.step, model, optimiser, asdict(state))
                last_save = now
        if stop() and not reason:
            raise Interrupted(f"{config.run_id}: stopped at step {state.step} of {config.steps}; run again to go on")
    losses: dict[str, Loss] = {}
    if not reason:
        losses = run.final_losses(token_losses, ood)
        if losses["validation"].nats_per_token > math.log(config.vocabulary):
            reason, losses = f"final loss {losses['validation'].nats_per_token:.3f} is above ln V: worse than uniform", {}
    clock.tick()
    return _record(config, tokens, ood, device, state, losses, reason, price_per_hour)


def check_fit(config: RunConfig, tokens: TokenSet, ood: TokenSet | None) -> None:
    """The corpus can feed this run.

    Raises:
        ConfigError: another vocabulary, or D beyond the unique tokens without `epochs`.
    """
    if tokens.vocabulary != config.vocabulary:
        raise ConfigError(f"corpus {tokens.name} has a vocabulary of {tokens.vocabulary}, the run wants {config.vocabulary}")
    unique = windows(tokens.train, config.context) * config.context
    if config.tokens > unique * config.epochs:
        raise ConfigError(f"{config.run_id} wants {config.tokens} tokens; corpus {tokens.name} has {unique} unique ones: "
                          "lower D or set epochs")
    if bool(config.ood_corpus) != (ood is not None):
        raise ConfigError(f"{config.run_id} names out-of-distribution corpus {config.ood_corpus!r}, another was given")


def curve_steps(config: RunConfig) -> list[int]:
    """Steps at which the curve has a point: log-spaced from a thousandth of the run (at least 1) to its end."""
    first = max(1.0, config.steps / 1000)
    return [int(s) for s in np.unique(np.geomspace(first, config.steps, config.curve_points).round().astype(int))]


class _Run:
    """The moving parts of one run."""

    def __init__(self, config: RunConfig, tokens: TokenSet, device: torch.device, model: GPT, optimiser: torch.optim.Optimizer,
                 loss_of: Callable[[Tensor], Tensor], micro_batch: int) -> None:
        self.config, self.tokens, self.device, self.model, self.optimiser = config, tokens, device, model, optimiser
        self.loss_of, self.micro = loss_of, max(1, micro_batch // config.context)
        self.parameters = list(model.parameters())
        self.rows = config.batch_tokens // config.context
        count = windows(tokens.train, config.context)
        self.order = np.concatenate([train_order(count, config.seed + (e << 32)) for e in range(config.epochs)])

    def gradients(self, index: int) -> Tensor:
        """Mean gradient of batch `index` into .grad, by micro-batches; returns the mean loss."""
        chosen = np.take(self.order, np.arange(index * self.rows, (index + 1) * self.rows), mode="wrap")
        data = torch.from_numpy(batch(self.tokens.train, chosen, self.config.context)).to(self.device, non_blocking=True)
        total = torch.zeros((), device=self.device)
        self.optimiser.zero_grad(set_to_none=True)
        for part in data.split(self.micro):
            loss = self.loss_of(part) * (len(part) / self.rows)
            loss.backward()
            total += loss.detach()
        return total

    def warm_up(self, token_losses: Callable[[Tensor], Tensor]) -> None:
        """Compile before the clock starts; no parameter changes."""
        self.gradients(0)
        with torch.no_grad():
            context = self.config.context
            token_losses(torch.from_numpy(batch(self.tokens.train, np.zeros(16, dtype=np.int64), context)).to(self.device))

    def advance(self, state: State, until: int) -> str:
        """Optimiser steps up to `until`; returns why the run diverged, or ""."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        before = state.step
        while state.step < until:
            set_learning_rate(self.optimiser, learning_rate(self.config, state.step))
            total += self.gradients(state.step)
            self.norm = clip_gradients([p.grad for p in self.parameters if p.grad is not None], self.config.gradient_clip)
            self.optimiser.step()
            state.step += 1
        state.loss_sum += float(total)
        state.loss_steps += until - before
        if not math.isfinite(float(total)):
            return f"loss is not finite between steps {before} and {until}"
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
                "train": (tokens.train[: len(tokens.train_groups)], tokens.train_groups, tokens.bytes_per_token)}
        if ood is not None:
            sets["ood"] = (ood.validation, ood.validation_groups, ood.validation_bytes_per_token)
        full = self.config.eval_tokens
        return {name: evaluate(token_losses, stream, groups, context=self.config.context,
                               tokens=full if name == "validation" else full // 2, bytes_per_token=size, device=self.device,
                               keep_clusters=name == "validation")
                for name, (stream, groups, size) in sets.items()}


class _Clock:
    """Adds wall and CPU seconds to a State."""

    def __init__(self, state: State) -> None:
        self.state, self.wall, self.cpu = state, time.perf_counter(), time.process_time()

    def tick(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.state.total_wall += wall - self.wall
        self.state.total_cpu += cpu - self.cpu
        self.wall, self.cpu = wall, cpu

    def training(self, device: torch.device) -> "_Span":
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


def _record(config: RunConfig, tokens: TokenSet, ood: TokenSet | None, device: torch.device, state: State,
            losses: dict[str, Loss], reason: str, price: float | None) -> RunRecord:
    commit, dirty = provenance.git_state()
    threads = torch.get_num_threads()
    peak = matmul_peak(device, config.precision, threads)
    done = state.step * config.batch_tokens
    rate = done / state.train_wall if state.train_wall else math.nan
    return RunRecord(
        config=config, status="diverged" if reason else "complete", reason=reason, parameters=config_counts(config),
        flops_6nd=float(six_nd(config)), flops_exact=float(exact_flops(config)), losses=losses, curve=tuple(state.curve),
        timing=Timing(state.train_wall, state.train_cpu, state.total_wall, state.total_cpu, rate, peak,
                      rate * config_flops_per_token(config) / peak, state.resumed),
        provenance=Provenance(commit, dirty, provenance.lock_sha256(), tokens.sha256, ood.sha256 if ood else "",
                              torch.__version__, platform.python_version(), describe(device), provenance.cpu_model(),
                              threads, provenance.host(), state.started, _now()),
        dollars=None if price is None else price * state.total_wall / 3600,
        bytes_per_token=tokens.bytes_per_token,
    )


def _note_progress(work: Path, config: RunConfig, state: State) -> None:
    """progress.json, for whoever watches; losing one is no loss, so it is renamed but not synced."""
    work.mkdir(parents=True, exist_ok=True)
    rate = state.step * config.batch_tokens / state.train_wall if state.train_wall else 0.0
    loss = state.loss_sum / state.loss_steps if state.loss_steps else (state.curve[-1].train_loss if state.curve else math.nan)
    note = {"step": state.step, "steps": config.steps, "loss": loss, "tokens_per_second": rate, "time": time.time()}
    temporary = work / ".progress"
    temporary.write_text(json.dumps(note))
    temporary.replace(work / "progress.json")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
