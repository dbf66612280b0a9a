"""Processes that end with the one that started them, however that ended."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait


def pool(workers: int | None) -> ProcessPoolExecutor:
    """Spawned workers, as many as cores where None; a kill of this process ends them in the middle of their work."""
    return ProcessPoolExecutor(workers or os.cpu_count(), mp_context=multiprocessing.get_context("spawn"), initializer=_follow)


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # an executor's worker waits for its next task for ever, and one in the middle of a fit finishes it for nobody
