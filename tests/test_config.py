"""RunConfig: identity and impossible shapes."""

from dataclasses import fields, replace

import pytest

from study.config import LATER, ConfigError, RunConfig, whole_batches

BASE = RunConfig(corpus="sotu", vocabulary=512, width=32, layers=2, heads=2, tokens=20_480, batch_tokens=1024, learning_rate=0.01)

OTHER = {
    "corpus": "x", "vocabulary": 511, "width": 64, "layers": 3, "heads": 4, "tokens": 40_960, "batch_tokens": 2048,
    "learning_rate": 0.02, "seed": 1, "context": 128, "ood_corpus": "y", "epochs": 2, "warmup_fraction": 0.2, "beta1": 0.8,
    "beta2": 0.9, "adam_epsilon": 1e-9, "weight_decay": 0.2, "gradient_clip": 2.0, "embedding_lr_multiplier": 2.0,
    "eval_tokens": 1024, "curve_tokens": 1024, "curve_points": 3, "precision": "bfloat16", "compiled": True, "recipe": 2,
    "token_shift": True, "optimiser": "muon", "schedule": "constant", "unique_tokens": 4096,
    "attention_scale": 12.0, "key_shift": True,
    "copy_start": True,
}


def test_every_field_is_part_of_the_identity() -> None:
    assert set(OTHER) == {field.name for field in fields(RunConfig)}
    base = replace(BASE, key_shift=True)  # copy_start needs it
    ids = {BASE.run_id} | {replace(base if name == "copy_start" else BASE, **{name: value}).run_id  # type: ignore[arg-type]
                           for name, value in OTHER.items()}
    assert len(ids) == len(OTHER) + 1


def test_a_later_field_at_its_earlier_value_changes_no_identity() -> None:
    assert BASE.run_id == "L2-d32-D20.5K-s0-b1766e"  # of the first edition, whose configs lacked the later fields
    early = {name: value for name, value in BASE.to_dict().items() if name not in LATER}
    assert RunConfig.from_dict(early) == BASE
    with pytest.raises(ConfigError, match="epochs"):
        RunConfig.from_dict({name: value for name, value in early.items() if name != "epochs"})


def test_the_identity_is_stable() -> None:
    assert BASE.run_id.startswith("L2-d32-D20.5K-s0-")
    assert RunConfig.from_dict(BASE.to_dict()) == BASE
    assert BASE.steps == 20


@pytest.mark.parametrize(("change", "said"), [
    ({"heads": 3}, "not divisible by heads"),
    ({"width": 34, "heads": 2}, "odd"),
    ({"batch_tokens": 1000}, "not a multiple of the context"),
    ({"tokens": 20_481}, "not a multiple of batch_tokens"),
    ({"vocabulary": 70_000}, "16-bit"),
    ({"learning_rate": float("nan")}, "finite"),
    ({"learning_rate": 0.0}, "positive"),
    ({"layers": 0}, "positive"),
    ({"width": "32"}, "must be a number"),
    ({"width": 32.0}, "whole number"),
    ({"seed": 0.0}, "whole number"),
    ({"precision": "float16"}, "precision"),
    ({"warmup_fraction": 1.0}, "warmup_fraction"),
    ({"seed": -1}, "seed"),
    ({"optimiser": "sgd"}, "optimiser must be"),
    ({"schedule": "cosine"}, "schedule must be"),
    ({"unique_tokens": 256}, "unique_tokens"),
    ({"attention_scale": -1.0}, "attention_scale must not"),
])
def test_impossible_configs_say_why(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(BASE, **change)  # type: ignore[arg-type]


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ConfigError, match="dropout"):
        RunConfig.from_dict({**BASE.to_dict(), "dropout": 0.1})


def test_whole_batches() -> None:
    assert whole_batches(2500, 1024) == 2048
    assert whole_batches(1, 1024) == 1024
