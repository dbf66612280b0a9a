"""Every number of the prose, by name: its text on the page, the unrounded number, and whether the losses decide it.

`GROUPS[group](study)` builds the values of one group; `Analysis.value("group.name")` looks one up. A value that needs missing
records is absent: the sentence that uses it comes from `findings.py`, which then says what is missing instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from study.figures import checks, chinchilla, few, sensitivity, text, training
from study.figures.analysis import CHINCHILLA_C, RULE, TARGET_N, USUAL_BYTES, Analysis
from study.laws.errata import errata
from study.laws.published import LAWS, published_law


@dataclass(frozen=True)
class Value:
    """A number as the page shows it. `discrete`: a count, which a small change of the losses may leave as it is."""

    text: str
    number: float
    depends_on_loss: bool
    discrete: bool = False


Form = Callable[[float], str]


def _fixed(number: float, form: Form = text.significant) -> Value:
    return Value(form(number), float(number), False)


def _measured(number: float, form: Form = text.significant) -> Value:
    return Value(form(number), float(number), True)


def _ends(draws: object, form: Form = text.significant, level: float = 0.95) -> Value:
    low, high = text.central(draws, level)
    return Value(text.interval(low, high, form), high - low, True)


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def design(study: Analysis) -> Mapping[str, Value]:
    """The grid, whatever was measured."""
    cells = [cell for cell in study.grid.cells if cell.split != "tuning"]
    fitted = [cell for cell in cells if cell.split == "fit"]
    configs = [cell.config for cell in cells]
    N0, D0 = study.reference
    return {
        "grid": Value(f"`{study.grid.name}`", 0.0, False),
        "cells": _fixed(len(cells), _whole),
        "fit_cells": _fixed(len(fitted), _whole),
        "held_out_cells": _fixed(len(cells) - len(fitted), _whole),
        "budgets": _fixed(len({cell.budget for cell in fitted}), lambda n: text.number_word(int(n))),
        "smallest_budget": _fixed(min(cell.budget for cell in fitted), text.power),
        "largest_budget": _fixed(max(cell.budget for cell in fitted), text.power),
        "sizes": _fixed(len({config.width for config in configs}), lambda n: text.number_word(int(n))),
        "vocabulary": _fixed(configs[0].vocabulary, _whole),
        "context": _fixed(configs[0].context, _whole),
        "eval_tokens": _fixed(configs[0].eval_tokens, text.count),
        "bytes_per_token": _fixed(study.bytes_per_token),
        "usual_bytes": _fixed(USUAL_BYTES),
        "target_n": _fixed(TARGET_N, text.count),
        "rule": _fixed(RULE),
        "chinchilla_c": _fixed(CHINCHILLA_C, lambda c: text.power(c, 3)),
        "N0": _fixed(N0, text.count),
        "D0": _fixed(D0, text.count),
    }


def runs(study: Analysis) -> Mapping[str, Value]:
    """What was run, and how much seeds differ."""
    frame, sd = study.frame, training.seed_sd(study)
    complete = frame[frame["status"] == "complete"]
    planned = [cell for cell in study.grid.cells if cell.split != "tuning"]
    out = {
        "done": _fixed(len(frame), _whole),
        "planned": _fixed(len(planned), _whole),
        "complete": _fixed(len(complete), _whole),
        "fitted": _fixed(len(study.fit), _whole),
        "held_out": _fixed(len(study.held_out), _whole),
        "sweep": _fixed(len(study.sweep), _whole),
        "flop": _fixed(float(frame["C_exact"].sum()), text.power),
        "hours": _fixed(float(frame["seconds"].sum()) / 3600),
        "cpu_hours": _fixed(float(frame["cpu_seconds"].sum()) / 3600),
        "total_hours": _fixed(
            (float(frame["seconds"].sum()) + (float(study.sweep["seconds"].sum()) if len(study.sweep) else 0.0)) / 3600
        ),
        "fit_se": _fixed(100 * float((study.fit["loss_se"]).mean()), text.significant),
        "best_loss": _measured(float(complete["loss"].min())),
        "best_bits": _measured(float(complete["bits_per_byte"].min())),
    }
    if sd[1]:
        out |= {"seed_sd": _measured(100 * sd[0], lambda x: f"{x:.2f} %"), "seed_freedom": _fixed(sd[1], _whole)}
    if study.held_out_budgets:
        out["held_out_budget"] = _fixed(max(study.held_out_budgets), text.power)
    return out


def answer(study: Analysis) -> Mapping[str, Value]:
    """The headline's answers."""
    draws = study.posterior.draws
    tokens, N = draws.D_opt_at(TARGET_N), draws.N_opt(CHINCHILLA_C)
    ratio = tokens / TARGET_N
    middle = float(np.median(tokens))
    return {
        "tokens": _measured(middle, text.count),
        "tokens_95": _ends(tokens, text.count),
        "tokens_80": _ends(tokens, text.count, 0.8),
        "tokens_50": _ends(tokens, text.count, 0.5),
        "bytes": _measured(middle * study.bytes_per_token, text.count),
        "bytes_95": _ends(tokens * study.bytes_per_token, text.count),
        "ratio": _measured(float(np.median(ratio))),
        "ratio_95": _ends(ratio),
        "ratio_bytes": _measured(float(np.median(ratio)) * study.bytes_per_token),
        "a": _measured(float(np.median(draws.a))),
        "a_95": _ends(draws.a),
        "b": _measured(float(np.median(draws.b))),
        "N_chinchilla": _measured(float(np.median(N)), text.count),
        "N_chinchilla_95": _ends(N, text.count),
        "compute": _measured(6 * TARGET_N * middle, text.power),
        "beyond_C": _measured(6 * TARGET_N * middle / study.largest_C, lambda x: text.significant(x, 2)),
        "beyond_C_decades": _measured(float(np.log10(6 * TARGET_N * middle / study.largest_C)), lambda x: f"{x:.1f}"),
        "beyond_N": _fixed(TARGET_N / study.largest_N, lambda x: text.significant(x, 2)),
        "decades": _measured(float(np.log10(text.central(tokens)[1] / text.central(tokens)[0])), lambda x: f"{x:.1f}"),
        "E": _measured(float(np.median(draws.E))),
        "alpha": _measured(float(np.median(draws.alpha))),
        "beta": _measured(float(np.median(draws.beta))),
        "alpha_95": _ends(draws.alpha),
        "beta_95": _ends(draws.beta),
    }


def three(study: Analysis) -> Mapping[str, Value]:
    """Three runs, and all of them."""
    found = few.stages(study)
    low, high = text.central(found[0].posterior.draws.D_opt_at(TARGET_N))
    end_low, end_high = text.central(found[-1].posterior.draws.D_opt_at(TARGET_N))
    prior_low, prior_high = text.central(few.prior_tokens(study))
    rows = few.three_rows(study)
    return {
        "decades": _measured(float(np.log10(high / low)), lambda x: f"{x:.1f}"),
        "decades_all": _measured(float(np.log10(end_high / end_low)), lambda x: f"{x:.1f}"),
        "decades_prior": _fixed(float(np.log10(prior_high / prior_low)), lambda x: f"{x:.1f}"),
        "tokens_95": _ends(found[0].posterior.draws.D_opt_at(TARGET_N), text.count),
        "budget": _fixed(float(rows["budget"].iloc[0]), text.power),
        "count": _fixed(len(rows), lambda n: text.number_word(int(n))),
    }


def published(study: Analysis) -> Mapping[str, Value]:
    """The published laws, the sources' arithmetic, and Chinchilla's points."""
    tokens = [float(law.law.D_opt_at(TARGET_N)) for law in LAWS]
    out = {
        "laws": _fixed(len(LAWS), lambda n: text.number_word(int(n))),
        "lowest": _fixed(min(tokens), text.count),
        "highest": _fixed(max(tokens), text.count),
        "lowest_a": _fixed(min(law.a for law in LAWS)),
        "highest_a": _fixed(max(law.a for law in LAWS)),
        "hoffmann_tokens": _fixed(float(published_law("hoffmann").law.D_opt_at(TARGET_N)), text.count),
        "rounded_tokens": _fixed(float(published_law("hoffmann-rounded").law.D_opt_at(TARGET_N)), text.count),
        "kaplan_a": _fixed(published_law("kaplan").a),
        "hoffmann_a": _fixed(published_law("hoffmann").a),
        "errata": _fixed(len(errata()), _whole),
    }
    if (found := chinchilla.fits(study)) is not None:
        huber = [fit for fit in found.fits if fit.method.startswith("Huber, 4,500")]
        kept, every = huber[0], huber[1]
        out |= {
            "refit_A": _fixed(kept.A, lambda x: f"{x:.1f}"),
            "refit_B": _fixed(kept.B, _whole),
            "refit_E": _fixed(kept.E, lambda x: f"{x:.4f}"),
            "refit_alpha": _fixed(kept.alpha, lambda x: f"{x:.4f}"),
            "refit_beta": _fixed(kept.beta, lambda x: f"{x:.4f}"),
            "refit_ratio": _fixed(kept.ratio),
            "outlier_ratio": _fixed(every.ratio),
            "points": _fixed(kept.rows, _whole),
            "all_points": _fixed(every.rows, _whole),
        }
        for name, method in (
            ("row", "Huber, bootstrap by row"),
            ("clustered", "Huber, bootstrap by budget"),
            ("bayes", "Bayes, Student-t, g free"),
        ):
            low, high = found.find(method, kept.data).ratio_interval or (float("nan"), float("nan"))
            out[f"{name}_ratio_95"] = Value(text.interval(low, high), high - low, False)
    return out


def check(study: Analysis) -> Mapping[str, Value]:
    """What the checks found."""
    found, _ = sensitivity.variants(study)
    middles = [float(np.median(variant.tokens)) for variant in found]
    a = [float(np.median(variant.a)) for variant in found]
    out = {
        "variants": _fixed(len(found), lambda n: text.number_word(int(n))),
        "lowest_tokens": _measured(min(middles), text.count),
        "highest_tokens": _measured(max(middles), text.count),
        "lowest_a": _measured(min(a)),
        "highest_a": _measured(max(a)),
        "huber_tokens": _measured(float(study.huber.surface.D_opt_at(TARGET_N)), text.count),
        "huber_a": _measured(float(study.huber.surface.a)),
    }
    if len(study.held_out):
        inside = checks.coverage(study)
        for level, count in inside.items():
            out[f"inside_{100 * level:.0f}"] = Value(text.number_word(count), count, True, discrete=True)
        out["held_out"] = _fixed(len(study.held_out), lambda n: text.number_word(int(n)))
    if study.isoflop is not None:
        out["isoflop_a"] = _measured(study.isoflop.N_law.exponent)
    return out


GROUPS: Mapping[str, Callable[[Analysis], Mapping[str, Value]]] = MappingProxyType(
    {"design": design, "runs": runs, "answer": answer, "three": three, "published": published, "check": check}
)


def all_values(study: Analysis) -> Mapping[str, Value]:
    """Every value the records allow, under its full name."""
    return MappingProxyType(
        {f"{group}.{name}": study.value(f"{group}.{name}") for group in GROUPS for name in GROUPS[group](study)}
    )
