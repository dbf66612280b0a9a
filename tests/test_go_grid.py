"""Runs on Go: their identity, and the grids of the study's own sizes and of the document's."""

from dataclasses import fields, replace

import pytest

from study.config import ConfigError, GoConfig, RunConfig, config_from
from study.cost import all_flops, device, micro_batch, plan
from study.counts import config_counts
from study.grids import grid
from study.grids.go import BASE, SIZES

OTHER = {
    "corpus": "x", "width": 16, "layers": 3, "positions": 6400, "epochs": 2, "batch": 32, "seed": 1, "symmetries": False,
    "learning_rate": 0.01, "base_width": 32, "warmup_steps": 10, "schedule": "linear", "beta1": 0.8, "beta2": 0.9,
    "adam_epsilon": 1e-9, "weight_decay": 0.2, "gradient_clip": 2.0, "eval_positions": 100, "curve_positions": 100,
    "curve_points": 3, "points_per_epoch": 1, "precision": "bfloat16", "compiled": True, "recipe": 2,
}


def test_every_field_is_part_of_the_identity() -> None:
    assert set(OTHER) == {field.name for field in fields(GoConfig)}
    assert len({BASE.run_id} | {replace(BASE, **{name: value}).run_id for name, value in OTHER.items()}) == len(OTHER) + 1
    assert BASE.run_id == "go-L4-d64-P65.5K-e4-s0-42f6c0"


def test_a_body_becomes_the_config_it_was() -> None:
    language = RunConfig(corpus="sotu", vocabulary=64, width=16, layers=1, heads=1, tokens=2560, batch_tokens=256,
                         learning_rate=0.02)
    assert [config_from(config.to_dict()) for config in (BASE, language)] == [BASE, language]
    with pytest.raises(ConfigError, match="GoConfig; check"):
        config_from({**BASE.to_dict(), "heads": 2})


def test_the_document_s_recipe_is_the_default() -> None:
    assert (BASE.learning_rate, BASE.warmup_steps, BASE.weight_decay, BASE.batch, BASE.epochs) == (3e-3, 500, 0.01, 64, 4)
    assert BASE.schedule == "cosine" and BASE.tokens == 4 * BASE.positions


def test_the_grid_spans_the_document_s_range_of_sizes() -> None:
    of = grid("go")
    counts = sorted({config_counts(cell.config).total for cell in of.cells})
    assert len(counts) == len(SIZES) == 4 and counts[-1] / counts[0] > 120
    assert 9e3 < counts[0] < 1.1e4 and 1.1e6 < counts[-1] < 1.3e6
    arms = [(cell.arm, cell.factor, cell.split) for cell in of.cells]
    assert arms.count(("size", "", "fit")) == 12 and arms.count(("symmetries", "without", "fit")) == 4
    assert {arm: arms.count(arm) for arm in set(arms) if arm[0] == "data"} == {
        ("data", "quarter", "fit"): 4, ("data", "half", "fit"): 4, ("data", "double", "held-out"): 4}
    assert {(cell.factor, cell.config.positions, cell.config.epochs) for cell in of.cells if cell.arm == "epochs"} == {
        ("all, one epoch", 65_536, 1), ("a quarter, sixteen epochs", 16_384, 16)}
    often = [cell.config for cell in of.cells if cell.arm == "overfitting"]
    assert len(often) == 12 and {(config.positions, config.epochs, config.symmetries) for config in often} == {(16_384, 16, False)}
    assert 16_384 / counts[-1] == pytest.approx(6.6e6 / 472e6, rel=0.02)  # own positions a parameter, of the document's third model
    assert [cell.split for cell in of.cells] == sorted(cell.split for cell in of.cells)  # the held-out runs come last
    assert sorted({cell.config.positions for cell in of.cells}) == [16_384, 32_768, 65_536, 131_072]


def test_the_gpu_grid_has_the_document_s_sizes_and_fits_one_device() -> None:
    of, on = grid("go-gpu"), device("h100")
    assert [config_counts(cell.config).total / 1e6 for cell in of.cells] == pytest.approx([8.0, 94.5, 472.0, 963.7], rel=0.01)
    made = plan(of, on, 1, price=2.5)
    assert not any(run.reason for run in made.runs) and made.device_hours < 1
    assert [micro_batch(cell.config, on.memory) for cell in of.cells] == [64] * 4
    assert [run.flops for run in made.runs] == [all_flops(cell.config) for cell in of.cells]
