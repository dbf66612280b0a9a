"""A team of two gloo processes on this machine, for the tests of parallel training."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def run_two(program: str, out: Path) -> None:
    """Run `program` as both processes of a team, each given `out`; fail with what one said when it fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
                   "GLOO_SOCKET_IFNAME": "lo"}
    children = [subprocess.Popen([sys.executable, "-c", program, str(out)], env={**environment, "RANK": str(rank)},
                                 stderr=subprocess.PIPE, text=True) for rank in range(2)]
    for child in children:
        _, said = child.communicate(timeout=300)
        assert child.returncode == 0, said
