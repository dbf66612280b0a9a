"""Workers end with the process that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from study.pool import pool

HELD = """
import os, time
from study.pool import pool
if __name__ == "__main__":
    with pool(1) as workers:
        print(workers.submit(os.getpid).result(), flush=True)
        workers.submit(time.sleep, 600).result()
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_process_takes_its_workers_along(tmp_path: Path) -> None:
    script = tmp_path / "held.py"
    script.write_text(HELD)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        worker = int(held.stdout.readline())
        assert alive(worker)
        held.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(worker)


def test_results_come_back() -> None:
    with pool(1) as workers:
        assert workers.submit(sum, (1, 2)).result() == 3
