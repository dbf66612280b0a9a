"""Batches on their way to the device: on a GPU the next one is read and pinned while this one is trained on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Read = Callable[[NDArray[np.int64]], NDArray[Any]]  # rows by their index

class Feed:
    """`feed(i)` is batch i of `order`, read and on the device: part `rank` of `size` of its `rows` rows.

    The order wraps at its end. On the CPU nothing runs beside the training.
    """

    def __init__(self, read: Read, order: NDArray[np.int64], *, rows: int, device: torch.device, rank: int = 0,
                 size: int = 1) -> None:
        self.read, self.order, self.device = read, order, device
        self.rows, self.first, self.count = rows, rank * (rows // size), rows // size
        self.reader = ThreadPoolExecutor(1, thread_name_prefix="feed") if device.type == "cuda" else None
        self.coming: tuple[int, Future[Tensor]] | None = None

    def __call__(self, index: int) -> Tensor:
        if self.reader is None:
            return self._read(index).to(self.device, non_blocking=True)
        # Pinned host memory is not reused before the copy that reads it is done: the allocator records the stream.
        host = self.coming[1].result() if self.coming is not None and self.coming[0] == index else self._pinned(index)
        self.coming = index + 1, self.reader.submit(self._pinned, index + 1)
        return host.to(self.device, non_blocking=True)

    def close(self) -> None:
        """End the reading thread, if there is one."""
        if self.reader is not None:
            self.reader.shutdown(cancel_futures=True)

    def _read(self, index: int) -> Tensor:
        start = index * self.rows + self.first
        chosen = np.take(self.order, np.arange(start, start + self.count), mode="wrap")
        return torch.from_numpy(self.read(chosen))

    def _pinned(self, index: int) -> Tensor:
        return self._read(index).pin_memory()
