"""The launcher's bench, at a small size. Needs the extra `cluster`: `make test-extras`."""

import subprocess
import sys

CODE = """
from study.bench.launch import bench_launch
body = bench_launch(sizes=(20, 40), progress=lambda _: None)
assert [(row["runs"], row["recorded"]) for row in body["rows"]] == [(20, 20), (40, 40)], body
assert body["seconds_per_run"] > 0 and abs(body["growth_exponent"]) < 1.5
"""


def test_trivial_runs_are_each_recorded_once() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
