"""The shared look: colours, ticks, labels that do not touch."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from study.articles.shared import style


def test_a_budget_keeps_its_colour_and_the_held_out_one_stands_apart() -> None:
    with_held_out = style.budget_colours([1e11, 3e11, 1e12, 1e14], [1e14])
    assert style.budget_colours([1e12, 1e11, 3e11]) == {budget: with_held_out[budget] for budget in (1e11, 3e11, 1e12)}
    assert with_held_out[1e14] == style.HELD_OUT


def test_budgets_differ_in_lightness_for_every_kind_of_eye() -> None:
    def lightness(colour: str) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear)) ** (1 / 3)

    levels = [lightness(colour) for colour in style.budget_colours([1.0, 2.0, 3.0, 4.0, 5.0]).values()]
    assert min(b - a for a, b in itertools.pairwise(levels)) > 0.08


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=8), st.floats(0.01, 0.2))
def test_labels_are_moved_apart_and_keep_their_order(heights: list[float], gap: float) -> None:
    moved = style.spread(heights, gap)
    order = np.argsort(heights, kind="stable")
    placed = np.array(moved)[order]
    assert (np.diff(placed) > gap * 0.97 - 1e-6).all()
    assert abs(np.mean(moved) - np.mean(heights)) < 1e-6


@pytest.mark.parametrize(("low", "high"), [(1e4, 1e16), (2.0, 9.0), (3e5, 4e6), (1e10, 5.76e23), (0.3, 4.0)])
def test_a_logarithmic_axis_has_two_to_eight_readable_ticks(low: float, high: float) -> None:
    _, ax = style.canvas()
    ax.set_xlim(low, high)
    style.log_axis(ax, "x", style.power)
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 8
    mantissas = [tick / 10 ** math.floor(math.log10(tick) + 1e-9) for tick in ticks]
    assert all(min(abs(m - round_one) for round_one in (1, 1.5, 2, 3, 4, 5, 7)) < 1e-9 for m in mantissas)


def test_a_fan_holds_the_draws_it_says() -> None:
    _, ax = style.canvas()
    draws = np.random.default_rng(0).normal(size=(3, 20_000))
    middle = style.fan(ax, np.arange(3), draws, "k")
    assert np.abs(middle).max() < 0.03
    widest = ax.collections[0].get_paths()[0].get_extents()
    assert (widest.y0, widest.y1) == pytest.approx((-1.96, 1.96), abs=0.05)


def test_ticks_are_short() -> None:
    assert [style.short(x) for x in (38_400, 1.5e6, 2e10, 1e18)] == ["38.4 k", "1.5 M", "20 B", "$10^{18}$"]
