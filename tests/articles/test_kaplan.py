"""The article on Kaplan's laws: every claim has a verdict computed from records, and every cell of the page runs."""

import ast
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from study.analysis.factors import FIXED, SCALED
from study.articles.claims import ARTICLES, CLAIMS, SOURCES, claims_of
from study.articles.kaplan import allocation, blog, data, efficiency, one_factor, overfitting, toy, transfer, verdicts
from study.articles.shared.words import lies
from study.articles.verdict import decided
from study.laws.law import LawError
from tests.articles.readable import refuse

ROOT = Path(__file__).resolve().parents[2]
WORDS = {"reproduced", "contradicted", "undecided", "not testable here", "not tested yet"}


@pytest.fixture(scope="module")
def quick() -> data.Kaplan:
    return data.load("quick", ROOT / "runs")


@pytest.fixture(scope="module")
def cpu() -> data.Kaplan:
    return data.load("cpu", ROOT / "runs")


def test_claims_are_data() -> None:
    keys = [claim.key for claim in CLAIMS]
    assert len(keys) == len(set(keys))
    for claim in CLAIMS:
        assert claim.source in SOURCES and claim.where and set(claim.where) <= set(ARTICLES)
        assert len(claim.says.split()) <= 12
    assert {claim.source for claim in claims_of("kaplan")} == {"essay", "slides", "blog"}


def test_every_claim_of_the_article_has_a_verdict_and_no_other() -> None:
    assert {claim.key for claim in claims_of("kaplan")} == set(verdicts.VERDICTS)


def test_every_verdict_is_a_word_with_the_number_it_rests_on(quick: data.Kaplan) -> None:
    for found in verdicts.verdicts(quick):
        assert found.word in WORDS, found
        assert found.claimed and found.measured and found.runs
        measured = found.word in ("reproduced", "contradicted")
        assert math.isfinite(found.number) or not measured, found
        assert found.claim in verdicts.VERDICTS
    assert verdicts.total() and verdicts.tally(quick, "reproduced")


def test_claims_that_wait_are_counted_where_there_are_any(quick: data.Kaplan, monkeypatch: pytest.MonkeyPatch) -> None:
    some = verdicts.verdicts(quick)
    done, waits = (replace(some[0], word=word) for word in ("reproduced", "not tested yet"))
    for found, said in (((done, done), ""), ((done, waits), "; one wait for runs that are not recorded")):
        monkeypatch.setattr(verdicts, "verdicts", lambda _, found=found: found)
        assert verdicts.waiting(quick) == said


def test_a_threshold_is_said_wherever_no_interval_decides() -> None:
    assert set(verdicts.RULES) == set(verdicts.VERDICTS) - {"figure-1", "figure-10", "figure-13", "blog-doubling"}


def test_claims_of_two_sources_share_their_measurement(quick: data.Kaplan) -> None:
    for one, other in verdicts.SHARED.items():
        first, second = verdicts.verdict(quick, one), verdicts.verdict(quick, other)
        assert (first.word, first.measured) == (second.word, second.measured) and verdicts.RULES[one] == verdicts.RULES[other]


@pytest.mark.parametrize(("total", "without", "se", "word", "direction"), [
    (0.42, 0.73, 0.02, "reproduced", "raises"), (0.42, 0.50, 0.01, "contradicted", "raises"),
    (0.60, 0.42, 0.01, "contradicted", "lowers"), (0.70, 0.73, 0.05, "undecided", "hardly moves")])
def test_a_rise_that_stops_short_of_kaplan_s_exponent_contradicts(quick: data.Kaplan, monkeypatch: pytest.MonkeyPatch, total: float,
                                                                  without: float, se: float, word: str, direction: str) -> None:
    planted = pd.DataFrame({"count": ["total", "non_embedding"], "exponent": [total, without], "se": se, "budgets": 6})
    monkeypatch.setattr(allocation, "counts", lambda _: planted)
    assert allocation.pearce_song(quick).word == word and allocation.direction(quick) == direction


@pytest.mark.parametrize(("gap", "offset", "word"), [
    (0.0, 0.05, "reproduced"), (0.0, 0.0, "undecided"), (0.1, 0.05, "contradicted")])
def test_architectures_that_differ_in_nothing_decide_nothing(quick: data.Kaplan, monkeypatch: pytest.MonkeyPatch, gap: float,
                                                             offset: float, word: str) -> None:
    noise = np.linspace(-1, 1, 400)
    several, single = (SimpleNamespace(theta={"alpha": 0.1 + by, "t": 3.0 * (1 + more)})
                       for by, more in ((0.0 * noise, 0.0 * noise), (gap + 0.01 * noise, offset + 0.01 * noise)))
    monkeypatch.setattr(overfitting, "exponents", lambda _: (several, single))
    assert overfitting.architectures(quick).word == word


def test_the_toy_s_verdict_is_read_from_its_table(quick: data.Kaplan) -> None:
    factors = re.findall(r"× [\d.]+", toy.verdict(quick).measured)
    assert len(factors) == 2 and all(factor in toy.table(quick).data for factor in factors)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class PageCell:
    """A cell of the page, whichever chapter holds it."""

    code: str
    options: str


def chapters() -> list[Path]:
    return [ROOT / "report" / "kaplan.qmd", *sorted((ROOT / "report" / "kaplan").glob("*.qmd"))]


def cells() -> list[PageCell]:
    blocks = [block for page in chapters() for block in re.findall(r"^```\{python\}\n(.*?)^```", page.read_text(), re.M | re.S)]
    lines = [block.splitlines() for block in blocks]
    return [PageCell("\n".join(line for line in block if not line.startswith("#|")),
                     "\n".join(line for line in block if line.startswith("#|"))) for block in lines]


@pytest.fixture(scope="module")
def scope(quick: data.Kaplan) -> dict[str, object]:
    """What the page's first cell imports, with the smallest grid as the study."""
    found: dict[str, object] = {}
    exec(cells()[0].code.replace("study = load()", ""), found)
    return {**found, "study": quick}


def test_every_cell_of_the_page_runs_on_the_smallest_grid(scope: dict[str, object]) -> None:
    setup, *others = cells()
    assert all(isinstance(node, ast.ImportFrom | ast.Assign) for node in ast.parse(setup.code).body)
    figures = 0
    for cell in others:
        (statement,) = ast.parse(cell.code).body
        assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call), cell.code
        shown = eval(cell.code, scope)
        if "fig-alt" in cell.options:
            figures += 1
            assert isinstance(shown, matplotlib.figure.Figure), cell.code
        else:
            assert shown.data.startswith("|"), cell.code
    assert figures >= 18


def test_every_value_in_the_prose_is_text(scope: dict[str, object]) -> None:
    inline = [code for page in chapters() for code in re.findall(r"`\{python\} ([^`]+)`", page.read_text())]
    assert len(inline) > 40
    for code in inline:
        value = eval(code, scope)
        assert isinstance(value.data, str), code
        refuse(value, code)


def test_words_follow_the_draws() -> None:
    draws = np.linspace(0.9, 1.1, 1000)
    assert decided(draws, lambda x: x > 0) == "reproduced"
    assert decided(draws, lambda x: x > 2) == "contradicted"
    assert decided(draws, lambda x: x > 1) == "undecided"
    assert [lies(value, draws) for value in (0.5, 1.0, 2.0)] == ["below", "inside", "above"]


def test_the_blog_s_verdicts_follow_planted_arms(quick: data.Kaplan) -> None:
    unique, rng = np.array([1e5, 3e5, 1e6, 3e6, 1e7]), np.random.default_rng(0)
    arms = []
    for factor, floor, term, slope in ((FIXED, 2.6, 0.6, 0.9), (SCALED, 1.0, 2.2, 0.15)):
        loss = (floor + term * (unique / 1e5) ** -slope) * np.exp(0.002 * rng.standard_normal(5))
        arms.append(pd.DataFrame({"N": 1e5, "unique": unique, "epochs": 2.0, "loss": loss, "best_loss": loss,
                                  "arm": "unique text", "factor": factor, "heads": 1}))
    table = pd.concat(arms, ignore_index=True)
    planted = replace(quick, factors=table)
    assert blog.steeper(planted) == "one of one" and float(blog.last_scaled(planted)) > float(blog.last_fixed(planted))
    assert blog.compute(planted).word == "reproduced" and blog.compute(planted).number > 0.975
    assert blog.data(planted).word == "reproduced"
    overfitted = table.assign(loss=np.where(table["factor"] == FIXED, 5.0, table["loss"]))
    assert blog.data(replace(planted, factors=overfitted)).word == "reproduced"  # the early-stopped loss counts
    flat = table.assign(best_loss=np.where(table["factor"] == FIXED, table["loss"], 2.6 + 0.6 * (table["unique"] / 1e5) ** -0.9))
    again = replace(planted, factors=flat)
    assert blog.compute(again).word != "reproduced"


def test_missing_records_are_said(tmp_path: Path) -> None:
    with pytest.raises(data.NoRunsError, match="study run --grid quick"):
        data.load("quick", tmp_path)


def falling(study: data.Kaplan, fall: float, floor: float = 0.0) -> data.Kaplan:
    """The study with losses that fall by a share `fall` at each doubling of compute, to `floor`, and noise of 0.05 %."""
    noise = 0.0005 * np.random.default_rng(0).standard_normal(len(study.runs))
    loss = floor + 4.0 * (study.runs["C"] / 1e11) ** math.log2(1 - fall)
    return replace(study, runs=study.runs.assign(loss=loss * np.exp(noise)))


@pytest.mark.parametrize(("fall", "word"), [(0.034, "reproduced"), (0.1, "contradicted")])
def test_words_on_compute_depend_on_the_losses(fall: float, word: str, cpu: data.Kaplan) -> None:
    """3.4 % a doubling is both the blog's number and Kaplan's exponent of 0.05."""
    planted = falling(cpu, fall)
    doubling, exponent = one_factor.doubling_verdict(planted), one_factor.figure_one(planted)
    assert (doubling.word, exponent.word) == (word, word)
    assert doubling.number == pytest.approx(fall, rel=0.05) and exponent.number == pytest.approx(-math.log2(1 - fall), rel=0.05)


@pytest.mark.parametrize(("floor", "word"), [(0.0, "reproduced"), (3.0, "contradicted")])
def test_slices_with_a_floor_contradict_pure_power_laws(floor: float, word: str, cpu: data.Kaplan,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_factor, "SLICES", 1)  # of each factor: a second a slice
    assert one_factor.verdict(falling(cpu, 0.1, floor)).word == word


def test_three_budgets_are_too_few_for_a_power_law(quick: data.Kaplan) -> None:
    with pytest.raises(LawError, match="4 distinct"):
        one_factor.one_factor(one_factor.frontier(quick.path), "C")
    assert {one_factor.doubling_verdict(quick).word, one_factor.figure_one(quick).word} == {"not testable here"}


@pytest.mark.parametrize(("effect", "word"), [(0.0, "reproduced"), (0.3, "contradicted"), (-0.3, "contradicted")])
def test_transfer_that_follows_the_phase_contradicts_kaplan(quick: data.Kaplan, effect: float, word: str) -> None:
    runs = quick.runs.copy()
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(runs))
    runs["ood_loss"] = 3 + 0.5 * runs["loss"] + effect * np.log(runs["D"] / runs["N"]) + noise
    found = transfer.eight(replace(quick, runs=runs))
    assert found.word == word and (effect == 0 or np.sign(found.number) == np.sign(effect))
    assert transfer.eight(quick).word == "not testable here", "the smallest grid was not evaluated on another corpus"


def needed_tokens(rows: list[float]) -> pd.DataFrame:
    """Tokens to one loss at sizes that double."""
    return pd.DataFrame({"level": 3.0, "N": [1e4 * 2**k for k in range(len(rows))], "tokens": rows, "steps": rows, "C": rows,
                         "width": range(len(rows))})


@pytest.mark.parametrize(("tokens", "word"), [([8e6, 6e6, 4e6, 2e6], "reproduced"), ([8e6, 6e6, 2e6, 3e6], "undecided"),
                                              ([2e6, 3e6, 4e6, 8e6], "contradicted")])
def test_a_size_that_needs_more_tokens_keeps_efficiency_from_being_reproduced(
        tokens: list[float], word: str, quick: data.Kaplan, monkeypatch: pytest.MonkeyPatch) -> None:
    falls = tokens[-1] < tokens[0]
    law = SimpleNamespace(theta={"alpha": np.full(9, 1.0 if falls else -1.0)})
    monkeypatch.setattr(efficiency, "needed", lambda _: needed_tokens(tokens))
    monkeypatch.setattr(efficiency, "slopes", lambda _: ((3.0, law),))
    assert efficiency.efficiency(quick).word == word
    assert efficiency.turning(quick) == ("none of one" if tokens[-1] == min(tokens) else "one of one")


def test_the_allocation_of_the_best_runs_is_in_kaplan_s_count(cpu: data.Kaplan) -> None:
    rows = allocation.best_runs(cpu)
    assert set(rows["N"]) <= set(cpu.runs["N_non_embedding"]) and not set(rows["N"]) & set(cpu.runs["N"])
    assert rows["C"].to_numpy() == pytest.approx(6 * rows["N"].to_numpy() * rows["D"].to_numpy())


def test_rules_stand_in_one_table_and_clauses_without_them(quick: data.Kaplan) -> None:
    shown = str(verdicts.rules().data)  # type: ignore[attr-defined]
    for claim, rule in verdicts.RULES.items():
        assert verdicts.SHARED.get(claim, claim) in verdicts.RULES and verdicts.text.literal(rule) in shown
        assert rule not in verdicts.clause(quick, claim)
