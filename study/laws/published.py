"""Published compute-optimal laws as data, each with its citation and its conventions.

A surface gives N_opt(C) and D_opt(C) at C = 6 N D. A study that reports only a power law N_opt = k C^a is a
`PowerLawOptimum`; its D_opt is C / (6 N_opt), so that all laws are read at the same cost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.errors import StudyError
from study.laws.datablations import DataConstrainedSurface
from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN, LossSurface
from study.laws.kaplan import KaplanSurface
from study.laws.power import PF_DAY

Array = NDArray[np.float64]
RULE = 20.0  # tokens a parameter: the rule of thumb read into Hoffmann et al.


@dataclass(frozen=True)
class PowerLawOptimum:
    """N_opt = coefficient C^exponent, D_opt = C / (6 N_opt)."""

    coefficient: float
    exponent: float

    @property
    def a(self) -> float:
        """Exponent of N_opt in C."""
        return self.exponent

    @property
    def b(self) -> float:
        """Exponent of D_opt in C."""
        return 1 - self.exponent

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters, at C FLOP."""
        return np.asarray(self.coefficient * np.asarray(C, dtype=float) ** self.exponent)

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens, at C FLOP."""
        return np.asarray(np.asarray(C, dtype=float) / (FLOPS_PER_PARAMETER_TOKEN * self.N_opt(C)))

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens at the C where N is optimal: C = (N / coefficient)^(1 / exponent)."""
        n = np.asarray(N, dtype=float)
        return np.asarray((n / self.coefficient) ** (1 / self.exponent) / (FLOPS_PER_PARAMETER_TOKEN * n))


@dataclass(frozen=True)
class PublishedLaw:
    """One published law."""

    key: str
    label: str  # for a figure or a table
    law: LossSurface | KaplanSurface | PowerLawOptimum
    counts: str  # what N counts: "total", "non-embedding" or "FLOPs per token / 6"
    citation: str  # authors, year, arXiv number, place in the paper
    note: str = ""

    @property
    def a(self) -> float:
        """Exponent of N_opt in C."""
        return float(self.law.a)

    def tokens_per_parameter(self, C: ArrayLike) -> Array:
        """D_opt / N_opt at C FLOP."""
        return np.asarray(self.law.D_opt(C) / self.law.N_opt(C))


HOFFMANN_ROUNDED = LossSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
HOFFMANN = LossSurface(E=float(np.exp(0.5267228)), A=float(np.exp(6.0073404)), B=float(np.exp(6.0179186)),
                       alpha=0.33917084, beta=0.2849083)
BESIROGLU = LossSurface(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
KAPLAN = KaplanSurface(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103)
DATABLATIONS = DataConstrainedSurface(
    LossSurface(E=float(np.exp(0.6254804)), A=float(np.exp(6.255414)), B=float(np.exp(7.3049974)),
                alpha=0.3526596, beta=0.3526596), R_D=15.387756, R_N=5.309743)

_HOFFMANN = "Hoffmann et al. 2022, arXiv 2203.15556"
_PORIAN = "Porian et al. 2024, arXiv 2406.19146, figure 1, RefinedWeb; their weighted fits, repository commit 0dc60d9"

LAWS: tuple[PublishedLaw, ...] = (
    PublishedLaw("kaplan", "Kaplan et al. 2020", PowerLawOptimum(1.3e9 * PF_DAY**-0.73, 0.73), "non-embedding",
                 "Kaplan et al. 2020, arXiv 2001.08361, section 6.1 and appendix A",
                 "N_opt = 1.3e9 (C_min / PF-day)^0.73, C_min far below the critical batch size"),
    PublishedLaw("kaplan-surface", "Kaplan et al. 2020, L(N, D)", KAPLAN, "non-embedding",
                 "Kaplan et al. 2020, arXiv 2001.08361, table 2",
                 "the paper's own L(N, D) implies 0.575, not 0.73: the latter comes from training curves"),
    PublishedLaw("hoffmann-1", "Hoffmann et al. 2022, approach 1", PowerLawOptimum(1e9 * 1.21e20**-0.50, 0.50), "total",
                 f"{_HOFFMANN}, tables 2 and 3", "coefficient from table 3: 1e9 parameters at 1.21e20 FLOP"),
    PublishedLaw("hoffmann", "Hoffmann et al. 2022, approach 3", HOFFMANN, "total", f"{_HOFFMANN}, TeX source of eq. 10",
                 "a, b, e, alpha, beta at the precision of the paper's TeX source"),
    PublishedLaw("hoffmann-rounded", "Hoffmann et al. 2022, approach 3 as printed", HOFFMANN_ROUNDED, "total",
                 f"{_HOFFMANN}, eq. 10", "two digits of the exponents move D_opt(1B) by half"),
    PublishedLaw("besiroglu", "Besiroglu et al. 2024", BESIROGLU, "total",
                 "Besiroglu et al. 2024, arXiv 2404.10102, table 1",
                 "Hoffmann's points read off their figure, without the five highest losses"),
    PublishedLaw("datablations", "Muennighoff et al. 2023", DATABLATIONS.unconstrained, "total",
                 "Muennighoff et al. 2023, arXiv 2305.16264, appendix A", "the law for tokens that do not repeat; alpha = beta"),
    PublishedLaw("porian-1", "Porian et al. 2024, Kaplan's protocol", PowerLawOptimum(4.2319659184965657e-08, 0.8353000424913991),
                 "non-embedding", _PORIAN),
    PublishedLaw("porian-2", "Porian et al. 2024, and the last layer's cost",
                 PowerLawOptimum(1.2701847832482018e-05, 0.7064699122200796), "FLOPs per token / 6", _PORIAN),
    PublishedLaw("porian-3", "Porian et al. 2024, and a short warm-up",
                 PowerLawOptimum(0.0014309165592833362, 0.6020375267309686), "FLOPs per token / 6", _PORIAN),
    PublishedLaw("porian-4", "Porian et al. 2024, and a decay to the run's end",
                 PowerLawOptimum(0.0047692867893526685, 0.5714947855747434), "FLOPs per token / 6", _PORIAN),
    PublishedLaw("porian-5", "Porian et al. 2024, tuned per size", PowerLawOptimum(0.11892648397493802, 0.49689507817885203),
                 "FLOPs per token / 6", _PORIAN),
    PublishedLaw("deepseek", "DeepSeek LLM 2024", PowerLawOptimum(0.1715 / 6, 0.5243), "FLOPs per token / 6",
                 "DeepSeek-AI 2024, arXiv 2401.02954, eq. 4",
                 "M_opt = 0.1715 C^0.5243 with M non-embedding FLOPs a token, C = M D; N is M/6"),
)


def published_law(key: str) -> PublishedLaw:
    """The law of that key.

    Raises:
        StudyError: there is none.
    """
    for law in LAWS:
        if law.key == key:
            return law
    raise StudyError(f"unknown published law {key!r}: one of {', '.join(law.key for law in LAWS)}")
