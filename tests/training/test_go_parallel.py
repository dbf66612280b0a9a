"""Two gloo processes that train a run on Go give the losses of one; a split optimiser gives the bits of a whole one."""

from pathlib import Path

import pytest
import torch

from study.record import RunRecord, read_record
from study.training import loop
from study.training.go import go
from tests.training.go_positions import position_set
from tests.training.test_go import SMALL
from tests.training.two_processes import run_two

CHILD = """
import sys
from pathlib import Path
import torch
from study.record import write_record
from study.training import loop
from study.training.go import go
from study.training.parallel import join, leave, shard
from tests.training.go_positions import position_set
from tests.training.test_go import SMALL
torch.set_num_threads(1)
out, team = Path(sys.argv[1]), join(torch.device("cpu"))
data = position_set(out / f"data-{team.rank}")
for name, of in (("whole", team), ("split", shard(team))):
    record = loop.train(SMALL, go(data), torch.device("cpu"), team=of)
    write_record(out / f"{name}-{team.rank}" / record.run_id, record)
leave(team)
"""


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    run_two(CHILD, tmp_path)
    found = {name: read_record(tmp_path / name / SMALL.run_id) for name in ("whole-0", "whole-1", "split-0")}
    assert _losses(found["whole-0"]) == _losses(found["whole-1"]) == _losses(found["split-0"])
    alone = loop.train(SMALL, go(position_set(tmp_path / "alone")), torch.device("cpu"))
    assert _losses(found["whole-0"]) == pytest.approx(_losses(alone), rel=1e-4)


def _losses(record: RunRecord) -> list[float]:
    return [point.train_loss for point in record.curve] + [record.losses["validation"].nats_per_token]
