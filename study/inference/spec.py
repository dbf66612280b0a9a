"""ModelSpec: one model of a table of runs. `HEADLINE` was fixed before the grid was seen; the others are sensitivities."""

from dataclasses import dataclass

from study.counts import C_CONVENTIONS, N_CONVENTIONS
from study.errors import StudyError
from study.laws.law import BYTES_PER_TOKEN as BYTES_PER_TOKEN

NOISES = ("student", "normal", "seed")
GROUPS = ("width", "budget", "run")
LAWS = ("hoffmann", "kaplan", "nesting")


class SpecError(StudyError):
    """A model that does not exist, or that a table cannot feed."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The model of ln L for row i, with n = ln(N/N0), d = ln(D/D0):

        ln L_i ~ noise(ln Lhat_i + u_group(i), s_i),   ln s_i = ln s + g (log10 C_i - log10(6 N0 D0))
        Lhat_i = E + (tA^(1/kappa) exp(-alpha n_i / kappa) + tB^(1/kappa) exp(-beta d_i / kappa))^kappa

    noise: "student" (nu free), "normal", or "seed": repeats of a cell are reduced to their mean ln L over r runs and
        s_i^2 becomes s_misfit_i^2 + s_seed^2 / r, with s_seed learned from the spread inside cells (Student-t misfit).
    scale_slope: g is free; else g = 0.
    group: the rows that share a random effect u ~ Normal(0, tau): one "width", one "budget", the checkpoints of one "run", or
        None for no effect.
    n_convention: which parameters N counts (`counts.N_CONVENTIONS`).
    c_convention: "6ND" with that N, or "exact" (the table's C_exact); it enters the fit through g only.
    law: "hoffmann" (kappa = 1), "kaplan" (E = 0, kappa = beta: Kaplan et al. 2020, eq. 1.5) or "nesting" (kappa free).
    prior_scale: multiplies every prior's scale but that of nu; the medians stay, but for tau's, whose prior is half-normal.

    Raises:
        SpecError: an option that does not exist.
    """

    noise: str = "student"
    scale_slope: bool = True
    group: str | None = "width"
    n_convention: str = "multiplying"
    c_convention: str = "6ND"
    law: str = "hoffmann"
    prior_scale: float = 1.0

    def __post_init__(self) -> None:
        for name, value, known in (("noise", self.noise, NOISES), ("group", self.group, (*GROUPS, None)),
                                   ("n_convention", self.n_convention, N_CONVENTIONS),
                                   ("c_convention", self.c_convention, C_CONVENTIONS), ("law", self.law, LAWS)):
            if value not in known:
                raise SpecError(f"unknown {name} {value!r}: one of {', '.join(map(str, known))}")
        if not 0 < self.prior_scale < float("inf"):
            raise SpecError(f"prior_scale must be positive and finite, not {self.prior_scale}")

    @property
    def form(self) -> tuple[str, bool, bool, str]:
        """What changes the compiled model: everything else is data."""
        return self.noise, self.scale_slope, self.group is not None, self.law


HEADLINE = ModelSpec()
