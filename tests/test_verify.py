"""`study verify`: a rerun is compared run by run, and nothing that differs passes unseen."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from study.cli import app
from study.errors import StudyError
from study.record import Metric, RunRecord, write_record
from study.verify import MISSING, NO_REFERENCE, SAME_BITS, TOLERANCE, WITHIN_NOISE, pooled_seed_sd, verify
from tests.makers import CONFIG, record

LOSSES = (2.00, 2.01, 2.03)  # of three seeds: mean 2.01333, sum of squares 4.667e-4, 2 degrees of freedom
SD = math.sqrt(4.667e-4 / 2)


def seeds() -> list[RunRecord]:
    return [record(replace(CONFIG, seed=seed), loss) for seed, loss in enumerate(LOSSES)]


def elsewhere(of: RunRecord, **changes: object) -> RunRecord:
    return replace(of, provenance=replace(of.provenance, cpu="another cpu"), **changes)


def shifted(of: RunRecord, by: float) -> RunRecord:
    losses = {name: replace(loss, nats_per_token=loss.nats_per_token + by) for name, loss in of.losses.items()}
    return replace(of, losses=losses)


def verdict(ours: RunRecord, theirs: list[RunRecord]) -> str:
    return next(row.verdict for row in verify([ours], theirs).comparisons if row.run_id == ours.run_id)


def test_seed_noise_is_pooled_over_cells_and_ignores_lone_runs() -> None:
    wide = [record(replace(CONFIG, width=32, seed=seed), loss) for seed, loss in enumerate((3.0, 3.1))]
    lone = record(replace(CONFIG, width=64), 9.0)
    sd, freedom = pooled_seed_sd([*seeds(), *wide, lone])
    assert freedom == 3
    assert sd["validation"] == pytest.approx(math.sqrt((4.667e-4 + 2 * 0.05**2) / 3), rel=1e-4)
    assert sd["train"] == pytest.approx(sd["validation"])


def test_the_same_records_have_the_same_bits() -> None:
    result = verify(seeds(), seeds())
    assert [row.verdict for row in result.comparisons] == [SAME_BITS] * 3
    assert [row.difference for row in result.comparisons] == [0.0] * 3
    assert result.passed
    assert result.tolerance == pytest.approx(TOLERANCE * SD, rel=1e-4)


def test_one_last_bit_on_the_same_machine_fails() -> None:
    theirs = seeds()
    ours = shifted(theirs[0], 2**-50)
    assert ours.losses["validation"].nats_per_token != theirs[0].losses["validation"].nats_per_token
    assert verdict(ours, theirs) == "other bits on the same machine"
    assert verdict(elsewhere(ours), theirs) == WITHIN_NOISE


def test_one_point_of_a_curve_on_the_same_machine_fails() -> None:
    theirs = seeds()
    curve = (replace(theirs[1].curve[0], gradient_norm=0.5001), *theirs[1].curve[1:])
    assert verdict(replace(theirs[1], curve=curve), theirs) == "other bits on the same machine"


@pytest.mark.parametrize("name", ["device", "cpu", "torch", "threads"])
def test_what_makes_a_machine_another(name: str) -> None:
    theirs = seeds()
    ours = shifted(theirs[0], 1e-6)
    moved = replace(ours, provenance=replace(ours.provenance, **{name: 2 if name == "threads" else "another"}))
    assert verdict(moved, theirs) == WITHIN_NOISE


def test_no_bits_are_due_of_a_gpu() -> None:
    def on_gpu(record: RunRecord) -> RunRecord:
        return replace(record, provenance=replace(record.provenance, device="NVIDIA H100"))

    theirs = [on_gpu(one) for one in seeds()]
    assert verdict(on_gpu(shifted(seeds()[0], 1e-6)), theirs) == WITHIN_NOISE


@pytest.mark.parametrize(("sds", "passes"), [(3.9, True), (-3.9, True), (4.1, False), (-4.1, False), (math.nan, False)])
def test_the_tolerance_between_machines(sds: float, passes: bool) -> None:
    result = verify([elsewhere(shifted(of, sds * SD)) for of in seeds()], seeds())
    assert result.passed is passes
    assert all((row.verdict == WITHIN_NOISE) is passes for row in result.comparisons)


def test_every_loss_is_judged() -> None:
    theirs = seeds()
    losses = {**theirs[0].losses, "train": replace(theirs[0].losses["train"], nats_per_token=9.0)}
    assert verdict(elsewhere(theirs[0], losses=losses), theirs).startswith("train loss differs by 7")


def measured(value: float) -> dict[str, Metric]:
    return {"validation_policy_accuracy": Metric(value, 0.01, "share", 100)}


def test_every_metric_is_judged() -> None:
    theirs = [replace(of, metrics=measured(0.5 + 0.01 * seed)) for seed, of in enumerate(seeds())]  # s.d. 0.01
    assert verify(theirs, theirs).passed
    assert verdict(replace(theirs[0], metrics=measured(0.5 + 1e-9)), theirs) == "other bits on the same machine"
    assert verdict(elsewhere(theirs[0], metrics=measured(0.539)), theirs) == WITHIN_NOISE
    assert verdict(elsewhere(theirs[0], metrics=measured(0.541)), theirs).startswith("validation_policy_accuracy differs by 0.041")
    assert verdict(replace(theirs[0], metrics={}), theirs) == "measured by other metrics"


def test_without_repeats_only_bits_can_be_confirmed() -> None:
    theirs = seeds()[:1]
    assert verify([elsewhere(theirs[0])], theirs).passed
    result = verify([elsewhere(shifted(theirs[0], 1e-6))], theirs)
    assert not result.passed
    assert result.tolerance is None
    assert "no cell with two seeds" in result.comparisons[0].verdict


@pytest.mark.parametrize(("changes", "word"), [({"flops_exact": 1.0}, "flops_exact"), ({"bytes_per_token": 2.6}, "bytes_per_token"),
                                               ({"status": "diverged", "losses": {}}, "status")])
def test_what_no_machine_may_change(changes: dict[str, object], word: str) -> None:
    assert verdict(elsewhere(seeds()[0], **changes), seeds()) == f"{word} differs"


def test_another_text_fails_whatever_the_loss() -> None:
    ours = seeds()[0]
    moved = replace(ours, provenance=replace(ours.provenance, corpus_sha256="other", cpu="another cpu"))
    assert "another text" in verdict(moved, seeds())


def test_records_on_one_side_are_said() -> None:
    one, two, three = seeds()
    result = verify([one, two], [two, three])
    said = {row.run_id: (row.verdict, row.passed) for row in result.comparisons}
    assert said == {one.run_id: (NO_REFERENCE, True), two.run_id: (SAME_BITS, True), three.run_id: (MISSING, False)}
    assert not result.passed


def test_only_what_is_asked_for_is_compared_by_the_noise_of_all() -> None:
    theirs = seeds()
    result = verify([elsewhere(shifted(theirs[1], 3.9 * SD))], theirs, only=[theirs[1].run_id])
    assert [(row.run_id, row.verdict) for row in result.comparisons] == [(theirs[1].run_id, WITHIN_NOISE)]
    assert verify(theirs[:1], theirs, only=[theirs[2].run_id]).comparisons[0].verdict == MISSING
    with pytest.raises(StudyError, match="no record of L9"):
        verify(theirs, theirs, only=["L9"])


def write(directory: Path, records: list[RunRecord]) -> Path:
    for each in records:
        write_record(directory / each.run_id, each)
    return directory


def test_the_command_passes_a_faithful_rerun_and_fails_a_changed_one(tmp_path: Path) -> None:
    theirs, good = write(tmp_path / "theirs", seeds()), write(tmp_path / "good", seeds())
    bad = write(tmp_path / "bad", [shifted(seeds()[0], 1e-9), *seeds()[1:]])
    passed = CliRunner().invoke(app, ["verify", str(good), "--against", str(theirs)])
    assert passed.exit_code == 0, passed.output
    assert "3 runs: 3 same bits" in passed.output
    failed = CliRunner().invoke(app, ["verify", str(bad), "--against", str(theirs)])
    assert failed.exit_code == 1
    assert "3 runs: 2 same bits, 1 failed" in failed.output
    one = CliRunner().invoke(app, ["verify", str(bad), "--against", str(theirs), "--only", seeds()[1].run_id])
    assert one.exit_code == 0 and "1 run: 1 same bits" in one.output


def test_a_directory_without_records_is_bad_input(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", seeds())
    for ours, against in ((tmp_path, theirs), (theirs, tmp_path / "absent")):
        result = CliRunner().invoke(app, ["verify", str(ours), "--against", str(against)])
        assert "holds no records" in str(result.exception)


def test_a_loss_without_a_seed_sd_must_agree_exactly_across_machines() -> None:
    """Two seeds were evaluated on validation text alone, so nothing says how much another loss may differ."""
    theirs = [replace(one, losses={"validation": one.losses["validation"]}) for one in seeds()[:2]]
    lone = record(replace(CONFIG, width=32), 3.0)
    ours = elsewhere(lone, losses={**lone.losses, "train": replace(lone.losses["train"], nats_per_token=2.951)})
    assert verdict(ours, [*theirs, lone]) == "train loss differs by 0.001, more than 0"


def test_a_difference_is_ours_less_theirs_and_none_where_one_is_missing() -> None:
    theirs = seeds()
    rows = verify([shifted(theirs[0], 0.25), *theirs[2:]], theirs[:2]).comparisons
    assert {row.run_id: row.difference for row in rows} == {
        theirs[0].run_id: pytest.approx(0.25), theirs[1].run_id: None, theirs[2].run_id: None}
