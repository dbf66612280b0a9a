"""Checkpoints: safetensors + JSON, each written whole or not at all, checksummed, the last two kept."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from study.errors import StudyError
from study.record import write_atomic
from study.training.optim import moment_names
from study.training.parallel import ALONE, Team, moment

KEPT = 2


class CheckpointError(StudyError):
    """A checkpoint could not be written."""


def save(directory: Path, step: int, model: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any],
         team: Team = ALONE) -> None:
    """Write parameters, moments, persistent buffers and `state` after `step` steps; older checkpoints but one are dropped.

    Every process of a team calls this; the first one writes, what one process alone would.

    Raises:
        CheckpointError: the disk is full or cannot be written; what was there before is still whole.
    """
    import safetensors.torch  # not needed where a run is too short to be stopped

    tensors = _tensors(model, optimiser, team)
    if team.rank != 0:
        return
    payload = safetensors.torch.save(tensors)
    body = {"step": step, "sha256": hashlib.sha256(payload).hexdigest(), "state": state}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomic(directory / f"{step:09d}.safetensors", payload)
        write_atomic(directory / f"{step:09d}.json", json.dumps(body).encode())
    except OSError as error:
        raise CheckpointError(f"cannot write a checkpoint to {directory}: {error.strerror or error}; "
                              "free space and run the same command again") from None
    for path in sorted(directory.glob("[0-9]*.json"))[:-KEPT]:
        path.unlink(missing_ok=True)
        path.with_suffix(".safetensors").unlink(missing_ok=True)


def load(directory: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, dict[str, Any]] | None:
    """Restore the newest sound checkpoint: (step, state), or None when there is none. Corrupt ones are passed over."""
    import safetensors.torch

    for path in sorted(directory.glob("[0-9]*.json"), reverse=True):
        try:
            body = json.loads(path.read_text())
            payload = path.with_suffix(".safetensors").read_bytes()
            if hashlib.sha256(payload).hexdigest() != body["sha256"]:
                continue
            tensors = safetensors.torch.load(payload)
            step, state = int(body["step"]), dict(body["state"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        _restore(model, optimiser, tensors, step)
        return step, state
    return None


def _tensors(model: nn.Module, optimiser: torch.optim.Optimizer, team: Team) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    parameters = list(model.parameters())
    for i, (name, parameter) in enumerate(model.named_parameters()):
        held = optimiser.state.get(parameter, {})
        moments = {f"{key}/{name}": moment(team, parameters, i, held.get(key)) for key in moment_names(optimiser, name)}
        if team.rank == 0:  # one parameter at a time leaves the device
            out |= {key: value.detach().cpu().contiguous() for key, value in {name: parameter, **moments}.items()}
    return out | {name: buffer.cpu().contiguous() for name, buffer in _buffers(model).items()}


def _buffers(model: nn.Module) -> dict[str, Tensor]:
    """Persistent buffers: what a model's state holds beside its parameters."""
    parameters = {name for name, _ in model.named_parameters()}
    return {name: value for name, value in model.state_dict().items() if name not in parameters}


def _restore(model: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], step: int) -> None:
    held = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
    with torch.no_grad():
        for name, buffer in _buffers(model).items():
            buffer.copy_(tensors[name])
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
            if id(parameter) not in held:
                continue
            # in the parameter's order of memory, so that the next step is the same to the last bit
            moments = {moment: torch.empty_like(parameter, dtype=torch.float32).copy_(tensors[f"{moment}/{name}"])
                       for moment in moment_names(optimiser, name)}
            count = torch.tensor(float(step), device=parameter.device)
            optimiser.state[parameter] = {"step": count, **moments}
