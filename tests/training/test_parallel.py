"""Two gloo processes, and micro-batches, give the losses of one process; a split optimiser gives the bits of a whole one."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from study.config import ConfigError
from study.data.stream import TokenSet, batch
from study.errors import Interrupted
from study.record import read_record
from study.training import checkpoint, loop
from study.training.feed import Feed
from study.training.language import language
from study.training.parallel import ALONE, Team, agree, average, owners, share, tell
from tests.makers import CONFIG
from tests.training.two_processes import run_two

CPU = torch.device("cpu")
TWENTY = replace(CONFIG, width=32, layers=2, heads=2, tokens=256 * 20, curve_points=200)  # a point a step
LONGER = replace(CONFIG, tokens=256 * 75)

CHILD = """
import dataclasses, json, sys
from pathlib import Path
import numpy as np, torch
from study.data.stream import TokenSet
from study.errors import Interrupted
from study.record import write_record
from study.training import loop
from study.training.language import language
from study.training.parallel import agree, join, leave, shard, tell
from tests.makers import token_stream
from tests.training.test_parallel import CPU, LONGER, TWENTY
torch.set_num_threads(1)
out = Path(sys.argv[1])
groups = np.repeat(np.arange(40, dtype=np.uint8), 100)
tokens = TokenSet("sotu", Path(), 64, 2.0, 2.0, "abc", token_stream(20_000, 64, 0), token_stream(4_000, 64, 1), groups, groups)
team = join(CPU)
assert agree(team, team.rank == 1) and not agree(team, False) and tell(team, team.rank) == 0
for name, of, micro in (("whole", team, None), ("split", shard(team), None), ("micro", team, 64)):
    record = loop.train(TWENTY, language(tokens), CPU, team=of, micro_batch=micro)
    write_record(out / f"{name}-{team.rank}" / record.run_id, record)
record = loop.train(LONGER, language(tokens), CPU, team=shard(team))
write_record(out / f"longer-{team.rank}" / record.run_id, record)
looks = iter([False, team.rank == 1])  # one of the two is asked to stop
try:
    loop.train(LONGER, language(tokens), CPU, team=shard(team), work=out / "work", stop=lambda: next(looks))
except Interrupted:
    (out / f"stopped-{team.rank}").touch()
leave(team)
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes trained: whole-K, split-K, micro-K, longer-K of process K; a run stopped halfway in work."""
    out = tmp_path_factory.mktemp("pair")
    run_two(CHILD, out)
    return out


def losses(path: Path) -> list[float]:
    record = read_record(path / TWENTY.run_id)
    assert [point.step for point in record.curve] == list(range(1, 21))
    return [point.train_loss for point in record.curve] + [record.losses["validation"].nats_per_token]


@pytest.fixture(scope="module")
def alone(tokens: TokenSet) -> list[float]:
    record = loop.train(TWENTY, language(tokens), CPU)
    return [point.train_loss for point in record.curve] + [record.losses["validation"].nats_per_token]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["whole-0", "whole-1", "split-0", "split-1", "micro-0"])
def test_two_processes_give_the_losses_of_one(name: str, pair: Path, alone: list[float]) -> None:
    assert losses(pair / name) == pytest.approx(alone, rel=1e-5)


@pytest.mark.slow
def test_a_split_optimiser_gives_the_bits_of_a_whole_one(pair: Path) -> None:
    assert losses(pair / "split-0") == losses(pair / "whole-0") == losses(pair / "whole-1")


@pytest.mark.slow
def test_the_final_loss_is_within_the_seed_noise(pair: Path, tokens: TokenSet) -> None:
    seeds = [loop.train(replace(LONGER, seed=seed), language(tokens), CPU).losses["validation"].nats_per_token for seed in range(3)]
    two = read_record(pair / "longer-0" / LONGER.run_id)
    assert abs(two.losses["validation"].nats_per_token - seeds[0]) < torch.tensor(seeds).std().item()
    assert two.provenance.device == "2 x cpu"


@pytest.mark.slow
def test_one_process_goes_on_where_two_stopped(pair: Path, tokens: TokenSet) -> None:
    """Both stopped at the step at which one was asked to; the checkpoint of two split optimisers is a whole one."""
    assert (pair / "stopped-0").exists() and (pair / "stopped-1").exists()
    newest = sorted((pair / "work").glob("*.json"))
    step = max(int(path.stem) for path in newest if path.stem.isdigit())
    assert 0 < step < LONGER.steps
    resumed = loop.train(LONGER, language(tokens), CPU, work=pair / "work")
    assert resumed.timing.resumed == 1
    two = read_record(pair / "longer-0" / LONGER.run_id)
    assert resumed.losses["validation"].nats_per_token == pytest.approx(two.losses["validation"].nats_per_token, rel=1e-4)


@pytest.mark.parametrize("micro", [32, 64, 100, 128])
def test_accumulation_gives_the_losses_of_the_whole_batch(micro: int, tokens: TokenSet, alone: list[float]) -> None:
    record = loop.train(TWENTY, language(tokens), CPU, micro_batch=micro)
    assert [point.train_loss for point in record.curve] == pytest.approx(alone[:-1], rel=1e-5)


def test_the_parts_of_a_team_make_the_batch(tokens: TokenSet) -> None:
    import numpy as np

    def feed(rank: int, size: int) -> Feed:
        return Feed(partial(batch, tokens.train, context=32), np.arange(600)[::-1].copy(), rows=8, device=CPU, rank=rank,
                    size=size)

    for index in (0, 3, 75):
        whole = feed(0, 1)(index)
        assert whole.shape == (8, 33)
        assert torch.equal(torch.cat([feed(rank, 4)(index) for rank in range(4)]), whole)


def test_a_batch_without_equal_parts_is_refused(tokens: TokenSet) -> None:
    with pytest.raises(ConfigError, match="no 3 equal parts"):
        loop.train(CONFIG, language(tokens), CPU, team=Team(0, 3))


def test_owners_share_the_load() -> None:
    parameters = [torch.zeros(n) for n in (100, 5, 60, 40, 5, 50)]
    whose = owners(Team(size=2), parameters)
    loads = [sum(p.numel() for p, owner in zip(parameters, whose, strict=True) if owner == rank) for rank in range(2)]
    assert loads == [140, 120]  # in turn they would be 165 and 95


def test_a_team_of_one_does_nothing() -> None:
    value = torch.ones(3)
    average(ALONE, [value])
    share(ALONE, [value])
    assert torch.equal(value, torch.ones(3)) and agree(ALONE, True) and not agree(ALONE, False) and tell(ALONE, "x") == "x"


def test_a_stop_in_the_middle_of_a_stretch_changes_no_bit(tokens: TokenSet, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that are long are looked at one by one; the resumed run still adds its losses up in the same order."""
    whole = loop.train(LONGER, language(tokens), CPU)
    monkeypatch.setattr(loop, "STOP_CHECK_SECONDS", 0.0)
    stops: dict[str, Any] = {"steps": []}
    for asked in (5, 33):
        looks = iter(range(asked))
        with pytest.raises(Interrupted):
            loop.train(LONGER, language(tokens), CPU, work=tmp_path, stop=lambda looks=looks: next(looks, None) is None)
        stops["steps"].append(max(int(path.stem) for path in tmp_path.glob("0*.json")))
        body = json.loads((tmp_path / f"{stops['steps'][-1]:09d}.json").read_text())
        assert body["state"]["stretch_sum"] > 0
    assert all(step % loop.CHECK_EVERY and step not in loop.curve_steps(LONGER) for step in stops["steps"])
    resumed = loop.train(LONGER, language(tokens), CPU, work=tmp_path)
    assert resumed.timing.resumed == 2
    assert (resumed.losses, resumed.curve) == (whole.losses, whole.curve)


def test_another_team_s_checkpoint_is_read(tmp_path: Path) -> None:
    """A process that holds part of the moments restores its part and every parameter."""
    from study.training.gpt import GPT
    from study.training.optim import build_optimiser

    model = GPT(CONFIG)
    optimiser = build_optimiser(model, CONFIG)
    model.loss(torch.randint(0, 64, (2, 33))).backward()
    optimiser.step()
    checkpoint.save(tmp_path, 1, model, optimiser, {})
    other = GPT(CONFIG)
    mine = list(other.parameters())[::2]
    part = build_optimiser(other, CONFIG, mine)
    assert checkpoint.load(tmp_path, other, part) == (1, {})
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert len(part.state) == len(mine) and set(map(id, part.state)) == set(map(id, mine))
