"""How a batch's gradient is taken and how the parameters step: call by call, or replayed as CUDA graphs.

The loop drives both alike. `Eager` reads each batch on the host, splits it into micro-batches and shares it with a team. `Captured`
keeps text, order and learning rates on the device, so that a step asks nothing of the host: it is captured once and replayed.
A launch then costs microseconds, and several runs, each on a stream of its own, keep one card busy.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from study.config import Config
from study.training.feed import Feed
from study.training.optim import clip_gradients, learning_rate, set_learning_rate
from study.training.parallel import Team, average, share

Function = Callable[[Tensor], Tensor]
WARM_UP = 3  # calls before a capture: compilation, allocations and the optimiser's moments are then made
SET_UP = threading.Lock()  # one run at a time is built, compiled and captured


class Eager:
    """Steps of a run, each batch in micro-batches of `micro_batch` tokens, shared by a team."""

    def __init__(self, config: Config, model: nn.Module, optimiser: torch.optim.Optimizer, loss_of: Function, feed: Feed,
                 micro_batch: int, team: Team) -> None:
        self.config, self.optimiser, self.loss_of, self.feed, self.team = config, optimiser, loss_of, feed, team
        self.parameters = list(model.parameters())
        most = max(1, micro_batch // config.context)
        self.micro = max(r for r in range(1, feed.count + 1) if feed.count % r == 0 and (r <= most or r == 1))
        self.norm = torch.zeros(())

    def gradients(self, index: int) -> Tensor:
        """Mean gradient of batch `index` into .grad, by micro-batches; returns the mean loss."""
        data = self.feed(index)
        total = torch.zeros((), device=data.device)
        for parameter in self.parameters:  # not the optimiser's: it may hold a part of them
            parameter.grad = None
        for part in data.split(self.micro):
            loss = self.loss_of(part) * (len(part) / len(data))
            loss.backward()
            total += loss.detach()
        average(self.team, [*(p.grad for p in self.parameters if p.grad is not None), total])
        return total

    def step(self, index: int) -> Tensor:
        """Step `index` of the run; returns the loss before it. The gradient's norm is in `norm`."""
        set_learning_rate(self.optimiser, learning_rate(self.config, index))
        loss = self.gradients(index)
        self.norm = clip_gradients([p.grad for p in self.parameters if p.grad is not None], self.config.gradient_clip)
        self.optimiser.step()
        share(self.team, self.parameters)
        return loss

    def close(self) -> None:
        """End the reading thread, if there is one."""
        self.feed.close()


class Captured:
    """The same steps from what lies on the device: `rows_of` reads rows there, by their index. Whole batches, one process.

    On a CPU the functions that would be captured are called instead.
    """

    def __init__(self, config: Config, model: nn.Module, optimiser: torch.optim.Optimizer, loss_of: Function, rows_of: Function,
                 order: NDArray[np.int64], device: torch.device) -> None:
        self.config, self.optimiser, self.loss_of, self.rows_of = config, optimiser, loss_of, rows_of
        self.parameters = list(model.parameters())
        self.order = torch.from_numpy(order).to(device)
        self.rates = torch.tensor([learning_rate(config, step) for step in range(config.steps)], device=device)
        self.places = torch.arange(config.batch_tokens // config.context, device=device)
        self.at = torch.zeros(1, dtype=torch.int64, device=device)  # the batch that is read, and the step whose rate is used
        self.loss, self.norm = torch.zeros((), device=device), torch.zeros((), device=device)
        self.grads = [torch.zeros_like(parameter) for parameter in self.parameters]
        for parameter, grad in zip(self.parameters, self.grads, strict=True):
            parameter.grad = grad
        for group in optimiser.param_groups:
            group["lr"] = torch.zeros((), device=device)
            if "capturable" in group:
                group["capturable"] = device.type == "cuda"
        with _restored(self.parameters, optimiser):
            for _ in range(WARM_UP):
                self._gradients()
                self._update()
        self.take = captured(self._gradients, device)
        self.move = captured(self._update, device)

    def gradients(self, index: int) -> Tensor:
        """Mean gradient of batch `index` into .grad; returns the mean loss, which the next call overwrites."""
        self.at.fill_(index)
        self.take()
        return self.loss

    def step(self, index: int) -> Tensor:
        """Step `index` of the run; returns the loss before it. The gradient's norm is in `norm`."""
        loss = self.gradients(index)
        self.move()
        return loss

    def close(self) -> None:
        """Nothing runs beside it."""

    def _gradients(self) -> None:
        chosen = (self.at * len(self.places) + self.places) % len(self.order)
        loss = self.loss_of(self.rows_of(self.order.index_select(0, chosen)))
        torch._foreach_copy_(self.grads, list(torch.autograd.grad(loss, self.parameters)))
        self.loss.copy_(loss.detach())

    @torch.no_grad()
    def _update(self) -> None:
        rate = self.rates.index_select(0, self.at)[0]
        for group in self.optimiser.param_groups:
            group["lr"].copy_(rate * group["multiplier"])
        self.norm.copy_(clip_gradients(self.grads, self.config.gradient_clip))
        self.optimiser.step()


Steps = Eager | Captured


def captured(function: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """What replays the kernels of `function`, which was called before; on a CPU the function itself."""
    if device.type != "cuda":
        return function
    graph = torch.cuda.CUDAGraph()
    # Only this thread is held to the rules of a capture: others replay theirs meanwhile.
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream(device), capture_error_mode="thread_local"):
        function()
    return graph.replay


def captured_scores(scores: Function, like: Tensor, device: torch.device) -> Function:
    """`scores` for rows shaped as `like`, without gradients; what it returns is overwritten by the next call."""
    rows = like.clone()

    def call() -> None:
        with torch.no_grad():
            out.copy_(scores(rows))

    with torch.no_grad():
        out = torch.empty_like(scores(rows))
    call()
    replay = captured(call, device)

    def replayed(data: Tensor) -> Tensor:
        rows.copy_(data)
        replay()
        return out

    return replayed


@contextmanager
def _restored(parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer) -> Iterator[None]:
    """Afterwards the parameters are as before and the moments as at the start, zero, in the same memory."""
    before = [parameter.detach().clone() for parameter in parameters]
    yield
    with torch.no_grad():
        for parameter, value in zip(parameters, before, strict=True):
            parameter.copy_(value)
        for state in optimiser.state.values():
            for tensor in state.values():
                tensor.zero_()
