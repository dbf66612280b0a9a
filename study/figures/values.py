"""Every number of the prose, by name: its text on the page, the unrounded number, and whether the losses decide it.

`GROUPS[group](study)` builds the values of one group; `Values(study)["group.name"]` looks one up. A value that needs missing
records is absent: the sentence that uses it comes from `findings.py` or `verdicts.py`, which then say what is missing instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from study.figures import answer as answers
from study.figures import chinchilla, few, forms, noise, sensitivity, text
from study.figures.analysis import CHINCHILLA_C, TARGET_N, USUAL_BYTES, Analysis
from study.figures.frames import complete
from study.inference.posterior import ends_error
from study.inference.priors import NATS_PER_BYTE
from study.inference.spec import HEADLINE
from study.laws.errata import errata
from study.laws.published import LAWS, RULE, published_law

if TYPE_CHECKING:
    from IPython.display import Markdown


@dataclass(frozen=True)
class Value:
    """A number as the page shows it."""

    text: str
    number: float
    depends_on_loss: bool


Form = Callable[[float], str]


def _fixed(number: float, form: Form = text.significant) -> Value:
    return Value(form(number), float(number), False)


def _measured(number: float, form: Form = text.significant) -> Value:
    return Value(form(number), float(number), True)


def _ends(draws: object, form: Form = text.significant, level: float = 0.95) -> Value:
    low, high = text.central(draws, level)
    return Value(text.interval(low, high, form), high - low, True)


def _fixed_ends(draws: object) -> Value:
    low, high = text.central(draws)
    return Value(text.interval(low, high, text.count), high - low, False)


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _word(number: float) -> str:
    return text.number_word(int(number))


def _tenth(number: float) -> str:
    return f"{number:.1f}"


def design(study: Analysis) -> Mapping[str, Value]:
    """The grid, whatever was measured."""
    cells, fitted = study.grid.planned, study.grid.of("fit")
    config = cells[0].config
    N0, D0 = study.reference
    budgets = [cell.budget for cell in fitted]
    return {
        "grid": Value(f"`{study.grid.name}`", 0.0, False),
        "corpus": Value(f"`{study.grid.corpus}`", 0.0, False),
        "fit_cells": _fixed(len(fitted), _whole),
        "held_out_cells": _fixed(len(cells) - len(fitted), _word),
        "budgets": _fixed(len(set(budgets)), _word),
        "smallest_budget": _fixed(min(budgets), text.power),
        "largest_budget": _fixed(max(budgets), text.power),
        "sizes": _fixed(len({cell.config.width for cell in cells}), _word),
        "warmup": _fixed(config.warmup_fraction, text.percent),
        "vocabulary": _fixed(config.vocabulary, _whole),
        "context": _fixed(config.context, _whole),
        "context_bytes": _fixed(config.context * study.bytes_per_token, text.count),
        "bytes_per_token": _fixed(study.bytes_per_token),
        "usual_bytes": _fixed(USUAL_BYTES, _tenth),
        "target_n": _fixed(TARGET_N, text.count),
        "rule": _fixed(RULE, lambda x: f"{x:g}"),
        "chinchilla_c": _fixed(CHINCHILLA_C, lambda c: text.power(c, 3)),
        "N0": _fixed(N0, text.count),
        "D0": _fixed(D0, text.count),
        "entropy": _fixed(NATS_PER_BYTE * study.bytes_per_token),
        "group": Value(f"{HEADLINE.group}", 0.0, False),
    }


def runs(study: Analysis) -> Mapping[str, Value]:
    """What was run."""
    frame, finished = study.frame, complete(study.frame)
    seconds = float(frame["seconds"].sum()), float(study.sweep["seconds"].sum()) if len(study.sweep) else 0.0
    flop = float(frame["C_exact"].sum()), float(study.sweep["C_exact"].sum()) if len(study.sweep) else 0.0
    return {
        "done": _fixed(len(frame), _whole),
        "fitted": _fixed(len(study.fit), _whole),
        "sweep": _fixed(len(study.sweep), _whole),
        "smallest_N": _fixed(float(study.fit["N"].min()), text.count),
        "largest_N": _fixed(study.largest_N, text.count),
        "smallest_C": _fixed(float(study.fit["budget"].min()), text.power),
        "largest_C": _fixed(float(study.fit["budget"].max()), text.power),
        "flop": _fixed(sum(flop), text.power),
        "time": _fixed(seconds[0], text.duration),
        "total_time": _fixed(sum(seconds), text.duration),
        "best_loss": _measured(float(finished["loss"].min())),
        "best_bits": _measured(float(finished["bits_per_byte"].min())),
        "eval_tokens": _fixed(min(record.losses["validation"].tokens for record in study.records.values()
                                  if record.status == "complete"), text.count),
        "loss_se": _fixed(float(study.fit["loss_se"].median()), lambda x: text.significant(x, 2)),
        **_paired(study),
    }


def _paired(study: Analysis) -> Mapping[str, Value]:
    errors = noise.paired_errors(study.isoflop_rows, study.records)
    if not errors:
        return dict.fromkeys(("pair_se", "pair_se_largest"), Value("unknown", 0.0, False))
    return {"pair_se": _measured(float(np.median(errors)), lambda x: text.significant(x, 2)),
            "pair_se_largest": _measured(max(errors), lambda x: text.significant(x, 2))}


def answer(study: Analysis) -> Mapping[str, Value]:
    """The headline's answers."""
    draws = study.posterior.draws
    tokens = draws.D_opt_at(TARGET_N)
    ratio, middle = tokens / TARGET_N, float(np.median(tokens))
    low, high = text.central(tokens)
    C = 6 * TARGET_N * middle
    measured = answers.measured(study).D
    return {
        "tokens": _measured(middle, text.count),
        "tokens_95": _ends(tokens, text.count),
        "ends_error": _measured(ends_error(study.posterior, tokens), text.percent),
        "tokens_80": _ends(tokens, text.count, 0.8),
        "tokens_50": _ends(tokens, text.count, 0.5),
        "bytes": _measured(middle * study.bytes_per_token, text.count),
        "bytes_95": _ends(tokens * study.bytes_per_token, text.count),
        "ratio": _measured(float(np.median(ratio))),
        "ratio_95": _ends(ratio),
        "ratio_bytes": _measured(float(np.median(ratio)) * study.bytes_per_token),
        "new_95": _ends(measured, text.count),
        "a": _measured(float(np.median(draws.a))),
        "a_95": _ends(draws.a),
        "alpha": _measured(float(np.median(draws.alpha))),
        "alpha_95": _ends(draws.alpha),
        "beta": _measured(float(np.median(draws.beta))),
        "beta_95": _ends(draws.beta),
        "E": _measured(float(np.median(draws.E))),
        "E_95": _ends(draws.E),
        "compute": _measured(C, text.power),
        "beyond_C": _measured(C / study.largest_C, lambda x: text.significant(x, 2)),
        "beyond_C_decades": _measured(float(np.log10(C / study.largest_C)), _tenth),
        "beyond_N": _fixed(TARGET_N / study.largest_N, lambda x: text.significant(x, 2)),
        "decades": _measured(float(np.log10(high / low)), _tenth),
    }


def three(study: Analysis) -> Mapping[str, Value]:
    """Three runs, and all of them."""
    found, rows = few.stages(study), few.three_rows(study)
    first = found[0].posterior.draws.D_opt_at(TARGET_N)
    spans = [float(np.log10(high / low)) for low, high in map(text.central, (first, few.prior_tokens(study)))]
    return {
        "tokens_95": _ends(first, text.count),
        "decades": _measured(spans[0], _tenth),
        "decades_prior": _fixed(spans[1], _tenth),
        "budget": _fixed(float(rows["budget"].iloc[0]), text.power),
        "count": _fixed(len(rows), _word),
        "lab_95": _fixed_ends(few.lab()),
        "lab_decades": _fixed(float(np.log10(np.divide(*text.central(few.lab())[::-1]))), _tenth),
    }


def published(study: Analysis) -> Mapping[str, Value]:
    """The published laws, the sources' arithmetic, and Chinchilla's points."""
    tokens = [float(law.law.D_opt_at(TARGET_N)) for law in LAWS]
    out = {
        "laws": _fixed(len(LAWS), _word),
        "lowest": _fixed(min(tokens), text.count),
        "highest": _fixed(max(tokens), text.count),
        "lowest_a": _fixed(min(law.a for law in LAWS), lambda x: f"{x:.2f}"),
        "highest_a": _fixed(max(law.a for law in LAWS), lambda x: f"{x:.2f}"),
        "hoffmann_tokens": _fixed(float(published_law("hoffmann").law.D_opt_at(TARGET_N)), text.count),
        "rounded_tokens": _fixed(float(published_law("hoffmann-rounded").law.D_opt_at(TARGET_N)), text.count),
        "errata": _fixed(len(errata()), _whole),
    }
    if (found := chinchilla.fits(study)) is not None:
        kept, every = chinchilla.huber(found)
        out |= {
            "A": _fixed(kept.A, _tenth),
            "B": _fixed(kept.B, _whole),
            "E": _fixed(kept.E, lambda x: f"{x:.4f}"),
            "alpha": _fixed(kept.alpha, lambda x: f"{x:.4f}"),
            "beta": _fixed(kept.beta, lambda x: f"{x:.4f}"),
            "ratio": _fixed(kept.ratio),
            "outlier_ratio": _fixed(every.ratio),
            "points": _fixed(kept.rows, _whole),
            "all_points": _fixed(every.rows, _whole),
        }
    return out


def check(study: Analysis) -> Mapping[str, Value]:
    """What the checks found."""
    found, _ = sensitivity.variants(study)
    middles, a = [float(np.median(one.tokens)) for one in found], [float(np.median(one.a)) for one in found]
    return {
        "variants": _fixed(len(found), _word),
        "lowest_tokens": _measured(min(middles), text.count),
        "highest_tokens": _measured(max(middles), text.count),
        "lowest_a": _measured(min(a)),
        "highest_a": _measured(max(a)),
        "huber_tokens": _measured(float(study.huber.surface.D_opt_at(TARGET_N)), text.count),
        "huber_a": _measured(float(study.huber.surface.a)),
        "over_laws_95": _ends(forms.equal(study), text.count),
    }


GROUPS: Mapping[str, Callable[[Analysis], Mapping[str, Value]]] = MappingProxyType(
    {"design": design, "runs": runs, "answer": answer, "three": three, "published": published, "check": check}
)


@dataclass(frozen=True, eq=False)
class Values:
    """The values of one analysis, each group built once, when one of it is first asked for."""

    study: Analysis
    _built: dict[str, Mapping[str, Value]] = field(default_factory=dict, init=False, repr=False)

    def group(self, name: str) -> Mapping[str, Value]:
        """One group, by the names of its values."""
        if name not in self._built:
            self._built[name] = MappingProxyType(dict(GROUPS[name](self.study)))
        return self._built[name]

    def __getitem__(self, name: str) -> Value:
        """The value "group.name".

        Raises:
            KeyError: there is none, or the records it needs are missing.
        """
        group, _, key = name.partition(".")
        return self.group(group)[key]

    def __call__(self, name: str) -> "Markdown":
        """The same as an inline Markdown output: `v("group.name")` in the prose."""
        return text.markdown(self[name].text)

    def every(self) -> Mapping[str, Value]:
        """Every value that the records allow, by its full name."""
        return MappingProxyType({f"{group}.{key}": value for group in GROUPS for key, value in self.group(group).items()})
