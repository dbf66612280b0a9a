"""A worker of several processes, one a device: `python -m study.launch.team N ARGUMENTS` starts N of `launch/worker.py`.

The processes find each other by the variables torchrun sets, so `torchrun --nproc-per-node N -m study.launch.worker ARGUMENTS`
is the same worker, on several nodes too. Started here, they leave with the codes that the launcher knows.
"""

import os
import signal
import socket
import subprocess
import sys
import time

from study.launch.worker import EX_INTERRUPTED, Stop

GRACE_SECONDS = 60.0  # for the others to leave once one has failed
POLL_SECONDS = 0.2


def run_team(count: int, arguments: list[str], module: str = "study.launch.worker") -> int:
    """Start `count` processes of one worker and wait: 0 when all finish, 75 when stopped, else the first failed one's exit code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(port)}
    stop = Stop()
    members = [subprocess.Popen([sys.executable, "-m", module, *arguments],
                                env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(count)]
    asked, deadline = False, float("inf")
    try:
        while any(member.poll() is None for member in members):
            codes = [member.poll() for member in members]
            if any(code not in (None, 0, EX_INTERRUPTED) for code in codes):
                deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
            if (stop() or deadline < float("inf")) and not asked:
                asked = True
                _signal(members, signal.SIGTERM)
            if time.monotonic() > deadline:  # they wait for the one that is gone
                _signal(members, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    finally:
        stop.restore()
    ended = [member.wait() for member in members]
    told = (EX_INTERRUPTED, -signal.SIGTERM, -signal.SIGKILL, 0)  # exit codes of those that were stopped after one failed
    return min(ended, key=lambda code: (code != 2, code in told, told.index(code) if code in told else 0))


def _signal(members: list[subprocess.Popen[bytes]], number: int) -> None:
    for member in members:
        if member.poll() is None:
            member.send_signal(number)


if __name__ == "__main__":
    ended = run_team(int(sys.argv[1]), sys.argv[2:])
    sys.exit(ended if ended >= 0 else 128 - ended)
