"""A run on Go positions: it learns, repeats and resumes to the bit, counts what it does, and is the same in parts."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from study.config import ConfigError, GoConfig
from study.cost import memory
from study.counts import GO_PLANES, GO_POINTS, config_counts, exact_flops, go_flops_per_position
from study.data.go.positions import PLANES, SHA256, PositionSet, rows
from study.data.go.rules import POINTS
from study.data.go.symmetry import COUNT
from study.errors import Interrupted
from study.grids.design import Cell
from study.launch.worker import task_of
from study.record import RunRecord, read_record, write_record
from study.training import checkpoint, loop
from study.training.go import METRICS, go, order
from study.training.optim import learning_rate
from study.training.parallel import Team
from study.training.resnet import ResNet, build_optimiser, grows, initialise
from tests.training.go_positions import position_set

CPU = torch.device("cpu")
SMALL = GoConfig(width=8, layers=1, positions=640, epochs=3, batch=32, warmup_steps=10, learning_rate=0.02, base_width=8,
                 curve_positions=64, curve_points=3, points_per_epoch=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PositionSet:
    return position_set(tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def whole(data: PositionSet) -> RunRecord:
    return loop.train(SMALL, go(data), CPU)


def model_of(config: GoConfig) -> ResNet:
    model = ResNet(config)
    initialise(model, config.seed)
    return model


def test_a_run_learns_and_its_record_comes_back(whole: RunRecord, tmp_path: Path) -> None:
    uniform = math.log(82) + math.log(2)
    assert whole.status == "complete" and whole.losses["validation"].nats_per_token < uniform - 0.4
    assert whole.curve[0].metrics["validation_policy_loss"] == pytest.approx(math.log(82), abs=0.5)
    assert set(whole.metrics) == {f"{split}_{name}" for split in ("train", "validation") for name in METRICS}
    for split, loss in whole.losses.items():
        parts = [whole.metrics[f"{split}_{name}"] for name in ("policy_loss", "value_loss")]
        assert loss.nats_per_token == pytest.approx(sum(part.value for part in parts))
    validation = whole.losses["validation"]
    assert validation.tokens == 12 * 16 and validation.cluster_tokens == (16,) * 12
    accuracy = whole.metrics["validation_policy_accuracy"]
    assert np.mean(accuracy.cluster_means) == pytest.approx(accuracy.value) and accuracy.se > 0
    write_record(tmp_path / whole.run_id, whole)
    assert repr(read_record(tmp_path / whole.run_id)) == repr(whole)  # repr: one field is nan


def test_the_curve_has_the_ends_of_the_epochs(whole: RunRecord) -> None:
    assert {20, 40, 60} <= {point.step for point in whole.curve} and whole.curve[-1].step == SMALL.steps == 60
    assert [point.step for point in whole.curve] == loop.curve_steps(SMALL)
    assert whole.curve[-1].flops == exact_flops(SMALL) == whole.flops_exact


def test_an_interrupted_run_ends_with_the_same_bits(data: PositionSet, whole: RunRecord, tmp_path: Path) -> None:
    looks = iter([False, False, True, True])
    with pytest.raises(Interrupted):
        loop.train(SMALL, go(data), CPU, work=tmp_path, stop=lambda: next(looks))
    resumed = loop.train(SMALL, go(data), CPU, work=tmp_path)
    assert resumed.timing.resumed == 1 and resumed.curve == whole.curve and resumed.metrics == whole.metrics


def test_micro_batches_change_nothing_but_rounding(data: PositionSet) -> None:
    """Of one epoch: three carry the rounding on, to 1.5e-4 of the loss on one processor."""
    short = replace(SMALL, epochs=1)
    whole, parts = (loop.train(short, go(data), CPU, micro_batch=size) for size in (None, 8))
    assert parts.losses["validation"].nats_per_token == pytest.approx(whole.losses["validation"].nats_per_token, rel=1e-4)


def test_two_halves_of_a_batch_give_its_gradient(data: PositionSet) -> None:
    model, batch = model_of(SMALL), torch.from_numpy(rows(data.train, order(SMALL)[:32]))

    def gradient(*parts: torch.Tensor) -> torch.Tensor:
        model.zero_grad()
        for part in parts:
            (model.loss(part) / len(parts)).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    assert torch.allclose(gradient(batch), gradient(*batch.split(16)), atol=1e-6)


def test_loss_is_the_mean_of_the_scores(data: PositionSet) -> None:
    model, batch = model_of(SMALL), torch.from_numpy(rows(data.train, np.arange(64)))
    with torch.no_grad():
        nn.init.normal_(model.point.weight)
        nn.init.normal_(model.value.weight)
        scores = model.scores(batch)
        assert float(model.loss(batch)) == pytest.approx(float(scores[:, :2].sum(1).mean()), rel=1e-5)
        moves, win = model(batch[:, :-2].reshape(-1, GO_PLANES, 9, 9).float())
    assert scores[:, 2].tolist() == (moves.argmax(1) == batch[:, -2]).float().tolist()
    assert scores[:, 3].tolist() == ((win > 0) == (batch[:, -1] == 1)).float().tolist()


def test_counts_and_flops_are_the_model_s() -> None:
    assert len(PLANES) == GO_PLANES and POINTS == GO_POINTS
    for width, layers in ((8, 1), (14, 2), (32, 3)):
        config = replace(SMALL, width=width, layers=layers)
        model = model_of(config)
        assert config_counts(config).total == sum(p.numel() for p in model.parameters())
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, GO_PLANES, 9, 9))
        assert go_flops_per_position(width, layers) == 3 * counter.get_total_flops()
    assert exact_flops(SMALL) == SMALL.tokens * go_flops_per_position(8, 1)


def test_activations_are_the_bytes_that_the_backward_pass_keeps(data: PositionSet) -> None:
    config = replace(SMALL, width=32, layers=3)
    model, kept = model_of(config), {}
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = 0 if storage.data_ptr() in parameters else storage.nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model.loss(torch.from_numpy(rows(data.train, np.arange(32))))
    assert loss.requires_grad
    assert 0.9 < sum(size for size, _ in kept.values()) / memory(config, 32).activations <= 1


def test_each_epoch_sees_each_position_once_turned_anew() -> None:
    examples = order(SMALL).reshape(3, 640)
    for epoch in examples:
        assert np.array_equal(np.sort(epoch // COUNT), np.arange(640))
    turned = [epoch[np.argsort(epoch // COUNT)] % COUNT for epoch in examples]
    assert 0.05 < np.mean(turned[0] == turned[1]) < 0.2 and set(turned[2].tolist()) == set(range(COUNT))
    assert not (order(replace(SMALL, symmetries=False)) % COUNT).any()


def test_the_rate_rises_then_falls_along_a_half_cosine() -> None:
    rates = [learning_rate(SMALL, step) for step in range(SMALL.steps)]
    assert rates[9] == rates[10] == SMALL.learning_rate == max(rates) and rates[0] == pytest.approx(0.002)
    assert rates[35] == pytest.approx(SMALL.learning_rate / 2) and rates[-1] < 0.001 * SMALL.learning_rate * 2


def test_rates_shrink_with_the_width_where_the_fan_in_grows() -> None:
    model = model_of(replace(SMALL, width=32))
    optimiser = build_optimiser(model, replace(SMALL, width=32), model.parameters())
    of = {id(p): group["multiplier"] for group in optimiser.param_groups for p in group["params"]}
    shrinks = {name for name, parameter in model.named_parameters() if of[id(parameter)] == 8 / 32}
    wider = dict(model_of(replace(SMALL, width=64)).named_parameters())
    assert shrinks == {name for name, p in model.named_parameters()
                       if p.dim() > 1 and wider[name][0].numel() > p[0].numel()} == {n for n in wider if grows(n)}
    assert set(of.values()) == {8 / 32, 1.0} and len(of) == len(wider)


def test_initialisation_refuses_what_it_does_not_know() -> None:
    model = model_of(SMALL)
    model.extra = nn.Linear(2, 2)
    with pytest.raises(AssertionError, match="extra"):
        initialise(model, 0)


def test_what_the_positions_cannot_feed_is_refused(data: PositionSet) -> None:
    with pytest.raises(ConfigError, match="640"):
        loop.train(replace(SMALL, positions=672), go(data), CPU)
    with pytest.raises(ConfigError, match="equal parts"):
        loop.train(SMALL, go(data), CPU, team=Team(0, 3))
    with pytest.raises(ConfigError, match="to test on"):
        loop.train(SMALL, go(replace(data, test=data.test[:0])), CPU)
    with pytest.raises(ConfigError, match="multiple of batch"):
        replace(SMALL, positions=650)
    with pytest.raises(ConfigError, match="schedule"):
        replace(SMALL, schedule="step")


def test_a_worker_trains_on_the_committed_games() -> None:
    assert task_of(Cell(SMALL, "size")).sha256 == SHA256


def test_a_checkpoint_holds_running_statistics(tmp_path: Path) -> None:
    def made() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        return model, torch.optim.AdamW(model.parameters())

    model, optimiser = made()
    for _ in range(3):
        model(torch.randn(8, 3)).square().sum().backward()
        optimiser.step()
    checkpoint.save(tmp_path, 3, model, optimiser, {})
    again, fresh = made()
    assert checkpoint.load(tmp_path, again, fresh) is not None
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert again[1].num_batches_tracked == 3  # type: ignore[index]
