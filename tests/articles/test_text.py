"""Numbers as words."""

import math

import pytest

from study.articles.shared import text, words


@pytest.mark.parametrize(("x", "shown"), [
    (1e9, "1 B"), (6.244e9, "6.24 B"), (999_600.0, "1.00 M"), (38_400, "38.4 k"), (512, "512"), (2.5e13, "25 T"), (0.0, "0"),
    (4.2e17, "4.2 × 10¹⁷"),
])
def test_a_count_has_a_suffix_and_three_digits(x: float, shown: str) -> None:
    assert text.count(x).replace(text.NBSP, " ") == shown


@pytest.mark.parametrize(("x", "shown"), [
    (0.48613, "0.486"), (-0.0104, "−0.0104"), (12_846.2, "12,846"), (9.996, "10.0"), (math.nan, "—"), (-math.inf, "−∞"),
])
def test_significant_digits(x: float, shown: str) -> None:
    assert text.significant(x) == shown


def test_a_number_and_its_unit_never_part() -> None:
    for shown in (text.count(2e6), text.percent(0.5), text.duration(90.0), text.interval(1.0, 2.0)):
        assert " " not in shown


@pytest.mark.parametrize(("seconds", "shown"), [(5.0, "5.0 s"), (119.0, "119 s"), (150.0, "2.5 min"), (7200.0, "2.0 h")])
def test_a_duration_in_the_unit_that_reads_best(seconds: float, shown: str) -> None:
    assert text.duration(seconds).replace(text.NBSP, " ") == shown


def test_a_power_of_ten() -> None:
    assert text.power(1e21) == "10²¹"
    assert text.power(5.76e-23, 3).replace(text.NBSP, " ") == "5.76 × 10⁻²³"


def test_a_table_escapes_bars_and_aligns_numbers_right() -> None:
    lines = text.table([{"name": "a|b", "value": "1"}, {"name": "c", "value": "2"}]).data.splitlines()
    assert lines == ["| name | value |", "|:-------|--------:|", "| a\\|b | 1 |", "| c | 2 |"]


def test_words_are_enumerated() -> None:
    parts: list[list[str]] = [[], ["a"], ["a", "b"], ["a", "b", "c"]]
    assert [words.enumeration(some) for some in parts] == ["none", "a", "a and b", "a, b and c"]


def test_literal_text_is_not_markdown() -> None:
    assert text.literal("N_opt ~ C^g [x]") == r"N\_opt \~ C\^g \[x\]"


def test_the_central_interval_leaves_out_equal_tails() -> None:
    low, high = text.central(list(range(101)), 0.8)
    assert (low, high) == pytest.approx((10.0, 90.0))


def test_columns_are_as_wide_as_what_cannot_be_broken_and_share_the_rest() -> None:
    short = [["a", "b"], ["one", f"[1,{text.NBSP}2]"]]
    assert text.widths(short) == [6, 9]
    name = "a long name of many words " * 6
    long = [["choice", "95 %"], [name, f"[36.4{text.NBSP}M,{text.NBSP}4.84{text.NBSP}×{text.NBSP}10¹⁵]"]]
    first, second = text.widths(long)
    assert second == len(long[1][1]) + 3 and first + second == text.LINE
    headed = [["law", "a header of many words " * 5], ["of four plain words", "1.5"]]
    assert text.widths(headed)[0] == len(headed[1][0]) + 3  # cells before headers
    header, rule, _ = text.table([dict(zip(long[0], long[1], strict=True))]).data.splitlines()
    assert rule == "|:" + "-" * first + "|" + "-" * second + ":|" and header.startswith("| choice |")


def test_one_digit_is_of_any_size() -> None:
    said = [text.rough(x).replace(text.NBSP, " ") for x in (5.39e11, 2.2e9, 9.6e9, 1e15, math.inf)]
    assert said == ["500 B", "2 B", "10 B", "10¹⁵", "∞"]


def test_no_text_is_an_empty_span() -> None:
    assert text.markdown("").data == "[]{}"
    assert text.markdown("3 B to 100 B, 95 %, 4 Bytes").data == "3\u00a0B to 100\u00a0B, 95\u00a0%, 4 Bytes"


def test_a_summary_of_draws_is_its_median_and_its_ends() -> None:
    draws = [10.0 ** k for k in range(101)]
    assert text.median(draws, text.power) == "10⁵⁰" and text.decades(draws) == pytest.approx(95, abs=0.5)
    assert text.ends(list(range(101))) == f"[2.50,{text.NBSP}97.5]"


@pytest.mark.parametrize(("value", "where"), [(-1.0, "below"), (50.0, "inside"), (101.0, "above")])
def test_a_value_lies_below_inside_or_above_draws(value: float, where: str) -> None:
    assert words.lies(value, list(range(101))) == where


def test_counts_are_words_up_to_twelve() -> None:
    assert [words.number_word(n) for n in (0, 3, 12, 1300)] == ["no", "three", "twelve", "1,300"]
    assert words.none_or(0) == "none" and words.capital("of all") == "Of all"


@pytest.mark.parametrize(("x", "shown"), [
    (56e9, "56 GB"), (1.234e6, "1.23 MB"), (38_400.0, "38.4 kB"), (3e12, "3 TB"), (512.0, "512 bytes"), (math.nan, "—"),
])
def test_text_is_sized_in_bytes(x: float, shown: str) -> None:
    assert text.size_in_bytes(x).replace(text.NBSP, " ") == shown
