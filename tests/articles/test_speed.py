"""Speed beside other code is read from the recorded benchmarks, and said to be missing where there is none."""

import json
from pathlib import Path

from study.analysis.study import Study
from study.articles.appendix import speed
from study.articles.shared import text
from tests.given import given


def test_no_record_is_said(quick: Study, tmp_path: Path) -> None:
    study = given(quick, {}, folders=(tmp_path,))
    said = {form(study) for form in (speed.compiled, speed.compiled_range, speed.eager, speed.widths, speed.context, speed.to_loss)}
    assert said == {text.PENDING}


def test_ratios_are_those_of_the_records(quick: Study, tmp_path: Path) -> None:
    rows = [{"width": width, "ratios": {"compiled_vs_compiled": ratio, "eager_vs_eager": 1.5}}
            for width, ratio in ((32, 1.0), (64, 4.0))]
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "train.json").write_text(json.dumps({"context": 128, "rows": rows}))
    (tmp_path / "bench" / "loss.json").write_text(json.dumps({"ratio": 6.0, "ratios": [5.0, 6.0, 9.0], "target": 3.0, "width": 64}))
    study = given(quick, {}, folders=(tmp_path,))
    assert (speed.compiled(study), speed.compiled_range(study), speed.eager(study)) == ("2.0", "1.0 to 4.0", "1.5")
    assert (speed.widths(study), speed.context(study)) == ("32 to 64", "128")
    assert speed.to_loss(study) == "6.0 (5.0 to 9.0 by seed) to 3 nats at width 64"
