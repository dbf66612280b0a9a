"""The answer in README.md: a block and a picture written from the records by `make readme`, never by hand.

`report/answer.json` holds the unrounded numbers and the sha256 of the records that they come from, so that a test sees at
once when the records have moved on; another test fits the records again.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import StudyError
from study.record import write_atomic, write_json
from study.table import records_sha256

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from study.analysis.study import Study
    from study.inference.digits import Estimate

BEGIN, END = "<!-- answer: written by `make readme` -->\n", "<!-- end of the answer -->\n"
FACTS, PICTURE = Path("report") / "answer.json", Path("report") / "answer.svg"


class ReadmeError(StudyError):
    """README.md has no place for the answer."""


def facts(study: "Study") -> dict[str, Any]:
    """The headline's numbers, unrounded: D_opt (tokens), D_opt/N and a as [low, median, high] of 95 % intervals, with their
    relative Monte Carlo errors; and beside them the least and largest answer of other estimators, the mixture of forms, the
    answer as `study fit` widens it, that under the prior of the other laboratories, and the decades that three runs leave.
    """
    from study.analysis import answers, approaches, foretold, forms, stages
    from study.analysis.argued import argued
    from study.atlas.target import ALL, NONE, THREE
    from study.inference.answers import summarise
    from study.laws.errata import TARGET_N

    asked, a, over = answers.asked(study), answers.exponent(study), forms.equal(study)
    ends = {name: _low_median_high(found)
            for name, found in (("D_opt", asked), ("D_over_N", asked.times(1 / TARGET_N)), ("a", a), ("over_forms", over))}
    errors = {name: _errors(found) for name, found in (("D_opt", asked), ("a", a), ("over_forms", over))}
    runs = len(foretold.rows(study))
    tested = {"runs": runs, "inside_95": foretold.coverage(study)[0.95],
              "times_beyond_C": foretold.times_beyond(study) if runs else 0.0,
              "before": bool(runs) and all(one.made for one in foretold.budgets(study))}
    others = [one.tokens for one in approaches.others(study)]
    three = {"alone": stages.at_target(study, THREE, with_others=False), "with_others": stages.at_target(study, THREE),
             "others_alone": stages.at_target(study, NONE)}
    pooled, widened = stages.at_target(study, ALL), argued(study).widened
    return {"grid": study.grid.name, "records_sha256": records_sha256(study.folders[0] / study.grid.name), "N": TARGET_N,
            "runs_fitted": len(study.fit), "planned": len(study.grid.planned), "recorded": len(study.frame),
            "held_out_budgets": len(study.held_out_budgets), "foretold": tested,
            **ends, "errors": errors, "estimators": [min(others), max(others)] if others else [], "forms": len(forms.laws(study)),
            "three_cheapest_decades": {name: found["decades"] if found else None for name, found in three.items()},
            "widened": None if widened is None else _of_summary(summarise(widened).as_json()),
            "with_others": _of_summary(pooled["tokens"]) if pooled else None,
            "times_beyond_C": answers.target_compute(study) / study.largest_C, "times_beyond_N": TARGET_N / study.largest_N}


def block(answer: Mapping[str, Any]) -> str:
    """The README's answer as Markdown, from `facts`."""
    from study.articles.shared.text import count, held, held_ends, rough, short, significant
    from study.articles.shared.words import are, number_word

    asked, a, over = (_estimate(answer, name) for name in ("D_opt", "a", "over_forms"))
    ratio, beyond = asked.times(1 / answer["N"]), asked.times(answer["times_beyond_C"] / asked.median)
    test = answer["foretold"]
    tested = "" if not test["runs"] else (
        f" Of {number_word(test['runs'])} runs that were predicted from smaller budgets"
        f"{' before they were trained' if test['before'] else ''}, at up to {significant(test['times_beyond_C'], 2)} times the "
        f"compute of those, {number_word(test['inside_95'])} fell inside the 95 % predictive interval.")
    low, high = answer["estimators"] or (math.nan, math.nan)
    beside = "" if not answer["estimators"] else (
        f" Other estimators of the same law on the same runs answer {count(low, 2)} to {count(high, 2)}, and "
        f"{number_word(answer['forms'])} forms of the law, equally weighted, {held(over)} {held_ends(over)}.")
    missing = answer["planned"] - answer["recorded"]
    waits = "" if not missing else (
        f" Of its {answer['planned']} planned runs {number_word(missing)} {are(missing)} not recorded yet.")
    three = answer["three_cheapest_decades"]
    by_the_tool = "" if not answer["widened"] else (
        " The test that `study fit` makes of any table says not to extrapolate this fit, and widens the answer to "
        f"{_with_ends(answer['widened'], rough)}.")
    by_others = "" if not answer["with_others"] or None in three.values() else (
        f" With the open runs of other laboratories as the prior the same runs answer {_with_ends(answer['with_others'], short)}. "
        f"The three cheapest of them alone leave an interval of {significant(three['alone'], 2)} decades; with that prior "
        f"they leave {significant(three['with_others'], 2)}, and that prior without a run leaves "
        f"{significant(three['others_alone'], 2)}.")
    rehearsal = "" if answer["held_out_budgets"] else (
        " That grid is a rehearsal of minutes: it exercises the pipeline, and its interval is accordingly wide.")
    text = (
        f"> **D_opt(1B) = {held(asked)} tokens, 95 % interval {held_ends(asked)}**: {held(ratio, significant)} tokens a parameter "
        f"{held_ends(ratio, significant)}, with N_opt ∝ Cᵃ, a = {held(a, significant)} {held_ends(a, significant)}, from the "
        f"{answer['runs_fitted']} fitted runs of the grid `{answer['grid']}`.{rehearsal} It extrapolates one law beyond the "
        f"fitted runs, by a factor of {held(beyond, significant)} in compute and of {significant(answer['times_beyond_N'], 2)} "
        f"in size.{beside}{tested}{by_the_tool}{by_others}{waits}\n\n"
        f"![Tokens a parameter at the optimum against training compute, measured and published]({PICTURE.as_posix()})\n"
    )
    return text.replace("\N{NO-BREAK SPACE}", " ")  # where a line breaks is the reader's window's affair


def _of_summary(found: Mapping[str, Any]) -> list[float]:
    low, high = found["ci95"]
    return [low, found["point"], high]


def _with_ends(values: Sequence[float], form: Callable[[float], str]) -> str:
    from study.articles.shared.text import interval, short

    low, middle, high = values
    return f"{short(middle)} {interval(low, high, form)}"


def with_block(readme: str, text: str) -> str:
    """`readme` with what stands between the two marks replaced by `text`.

    Raises:
        ReadmeError: the marks are missing.
    """
    before, mark, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ReadmeError(f"README.md needs the lines {BEGIN.strip()} and {END.strip()} around its answer")
    return before + BEGIN + text + END + after


def svg(figure: "Figure") -> bytes:
    """A figure as SVG, the same bytes for the same figure."""
    import matplotlib as mpl

    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "study", "svg.fonttype": "path"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def update(root: Path, study: "Study") -> tuple[Path, ...]:
    """Write the numbers, the picture and last the block of README.md under `root`; their paths in it.

    Raises:
        ReadmeError: README.md has no place for the answer.
    """
    from study.articles.main.abstract import fan

    new = facts(study)
    readme = with_block((root / "README.md").read_text(), block(new))
    write_json(root / FACTS, new)
    write_atomic(root / PICTURE, svg(fan(study)))
    write_atomic(root / "README.md", readme.encode())
    return FACTS, PICTURE, Path("README.md")


def _low_median_high(found: "Estimate") -> list[float]:
    return [found.ci95[0], found.median, found.ci95[1]]


def _errors(found: "Estimate") -> list[float]:
    low, high = found.interval_errors[0.95]
    return [low, found.median_error, high]


def _estimate(answer: Mapping[str, Any], name: str) -> "Estimate":
    from study.inference.digits import Estimate

    (low, median, high), (low_error, error, high_error) = answer[name], answer["errors"][name]
    return Estimate(median, {0.95: (low, high)}, error, {0.95: (low_error, high_error)})
