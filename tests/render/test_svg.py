"""Compacted figures are the same pictures in fewer bytes."""

import io
import re
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

from study.render.svg import compact


@pytest.fixture
def drawn() -> str:
    figure, ax = plt.subplots()
    x = np.geomspace(1e-3, 10, 200)
    ax.fill_between(x, np.sin(x), np.cos(x), alpha=0.3)
    ax.plot(x, np.sin(x) + 1e-4, "o-")
    ax.set_title("two  spaces and $D_{opt}$ <&>")
    out = io.StringIO()
    figure.savefig(out, format="svg")
    plt.close(figure)
    return out.getvalue()


def attributes(svg: str, name: str) -> list[str]:
    return [value for element in ElementTree.fromstring(svg).iter() if (value := element.get(name))]


def test_every_element_stays_and_every_place_is_within_a_hundredth(drawn: str) -> None:
    small = compact(drawn)
    assert len(small) < 0.85 * len(drawn)
    bare = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    tags = [[element.tag for element in ElementTree.fromstring(svg).iter()] for svg in (bare, small)]
    assert tags[0] == tags[1]
    for name in ("d", "x", "y", "transform", "style", "clip-path"):
        for before, after in zip(attributes(drawn, name), attributes(small, name), strict=True):
            old, new = (re.findall(r"-?[\d.]+(?:e[+-]?\d+)?|[A-Za-z]|[^\s\w]", value) for value in (before, after))
            assert len(old) == len(new)
            for a, b in zip(old, new, strict=True):
                assert a == b or abs(float(a) - float(b)) < 0.01, name


def test_scales_keep_their_digits(drawn: str) -> None:
    scales = [value for value in attributes(drawn, "transform") if "scale(" in value]
    assert scales and [value[value.index("scale("):] for value in scales] == [
        value[value.index("scale("):] for value in attributes(compact(drawn), "transform") if "scale(" in value]
