"""Accuracy of the move and of the winner against FLOPs, and their gain with size, paired by game."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import go
from study.articles.limited import show
from study.articles.limited.data import GO, MISSING, Limited
from study.articles.limited.document import MODELS
from study.articles.shared import style, text
from study.articles.verdict import Verdict, absent, decided, with_interval

if TYPE_CHECKING:
    from IPython.display import Markdown

POLICY, VALUE = "policy_accuracy", "value_accuracy"
NONE = 0.01  # a gain below this is called none


@lru_cache(maxsize=8)
def found(study: Limited, metric: str) -> go.Accuracy | None:
    """The final accuracy by size."""
    return go.accuracy(study.records, study.runs, metric)


@style.drawn
def figure(study: Limited) -> Figure:
    """Both accuracies along the runs against FLOPs, and at the end with intervals over games."""
    if found(study, POLICY) is None:
        return style.note(MISSING)
    figure, axes = style.canvas(7.2, 3.2, 1, 2)
    for ax, metric, name in zip(axes, (POLICY, VALUE), ("the move", "the winner"), strict=True):
        show.lines(ax, study, "flops", f"validation_{metric}", lambda share: 100 * share)
        at = found(study, metric)
        assert at is not None
        ends = study.sizes.groupby("N")["C_exact"].mean()
        for k, N in enumerate(at.N):
            ax.errorbar([ends[N] * 1.25], [100 * at.value[k]], yerr=[196 * at.se[k]], color=style.INK, fmt=".", ms=3, lw=1)
        style.panel(ax, "", "exact FLOP", f"accuracy of {name} (%)")
    axes[0].legend(fontsize=8, title="$N$", title_fontsize=8)
    return figure


def table(study: Limited) -> "Markdown":
    """Final accuracies by size with 95 % intervals over games, and the highest along the curve."""
    policy, value = found(study, POLICY), found(study, VALUE)
    if policy is None or value is None:
        return text.absent(MISSING)
    peak = go.over_seeds(study.log, list(go.ACCURACIES)).groupby("N").max()
    rows = []
    for k, N in enumerate(policy.N):
        row = {"N": text.count(N)}
        for name, at, metric in (("move", policy, POLICY), ("winner", value, VALUE)):
            row |= {f"{name}, end": _with_games(at, k), f"{name}, highest": f"{100 * peak.loc[N, f'validation_{metric}']:.1f}"}
        rows.append(row)
    return text.table(rows)


def _with_games(at: go.Accuracy, k: int) -> str:
    ends = (at.value[k] - 1.96 * at.se[k], at.value[k] + 1.96 * at.se[k])
    return f"{100 * at.value[k]:.1f} {text.interval(*ends, lambda x: f'{100 * x:.1f}')}"


def games(study: Limited) -> str:
    """Test games of the intervals."""
    records = [study.records[run_id] for run_id in study.sizes["run_id"]]
    return f"{len(records[0].losses['validation'].cluster_tokens):,}" if records else text.ABSENT


def policy_gain(study: Limited) -> str:
    """Accuracy of the move of the largest size less that of the smallest, percentage points."""
    return _gain(study, POLICY)


def value_gain(study: Limited) -> str:
    """The same of the winner."""
    return _gain(study, VALUE)


def _gain(study: Limited, metric: str) -> str:
    at = found(study, metric)
    return text.ABSENT if at is None else with_interval(100 * at.gain, lambda x: text.signed(x, 1))


def printed() -> str:
    """The document's accuracies at the best loss, smallest and largest of its finished models."""
    small, large = MODELS[0], MODELS[2]
    return (f"{text.percent(small.policy, 1)} to {text.percent(large.policy, 1)} and from "
            f"{text.percent(small.value, 1)} to {text.percent(large.value, 1)}")


def verdict(study: Limited) -> Verdict:
    """The accuracy of the move does not gain a point from the smallest size to the largest, that of the winner gains."""
    policy, value = found(study, POLICY), found(study, VALUE)
    if policy is None or value is None:
        return absent("go-accuracy", printed(), GO)
    word = decided((policy.gain < NONE) & (value.gain > 0), lambda both: both)
    measured = f"move {policy_gain(study)}, winner {value_gain(study)} points"
    return Verdict("go-accuracy", printed(), measured, word, float(np.median(policy.gain)), f"`{GO}`")

