"""Where the sources' own arithmetic fails: the value claimed, the value computed here, and why they differ.

Each is computed from the source's own premises; nothing here says anything about its conclusions.
"""

from dataclasses import dataclass
from math import log10

from study.counts import exact_flops_per_token, parameter_counts
from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN
from study.laws.pearce_song import KAPLAN_SIZES, fitted_exponent, local_exponent
from study.laws.published import BESIROGLU, HOFFMANN, HOFFMANN_ROUNDED

LAB = "the lab"
ESSAY = "the essay on Kaplan and Chinchilla"
GO = "the Go study"
PRESENTATION = "the presentation"


@dataclass(frozen=True)
class Erratum:
    """One claim that its own premises do not give."""

    source: str
    what: str
    claimed: float | str
    computed: float | str
    unit: str
    why: str

    @property
    def off(self) -> float | None:
        """computed - claimed; None for words."""
        if isinstance(self.claimed, str) or isinstance(self.computed, str):
            return None
        return self.computed - self.claimed


@dataclass(frozen=True)
class LabRun:
    """A run of the lab as printed."""

    name: str
    N: float  # parameters it names
    D: float  # tokens
    width: int
    layers: int
    loss: float  # nats a token it predicts

    @property
    def predicted(self) -> float:
        """The loss that Hoffmann's printed constants give for the N and D it names."""
        return float(HOFFMANN_ROUNDED.loss(self.N, self.D))

    @property
    def non_embedding(self) -> int:
        """12 L d^2 of its shape."""
        return parameter_counts(self.width, self.layers, LAB_VOCABULARY).non_embedding

    @property
    def six_nd(self) -> float:
        """6 N D with the non-embedding parameters of its shape, FLOP."""
        return FLOPS_PER_PARAMETER_TOKEN * self.non_embedding * self.D

    @property
    def exact(self) -> float:
        """Exact training FLOP of its shape, with unembedding and attention."""
        return exact_flops_per_token(self.width, self.layers, LAB_VOCABULARY, LAB_CONTEXT) * self.D


LAB_VOCABULARY, LAB_CONTEXT = 50_257, 1024
LAB_BUDGET = 1.35e17  # FLOP
TARGET_N = 1e9  # parameters: the model whose tokens the lab asks for
LAB_RUNS = (
    LabRun("A", 5e6, 4.5e9, 256, 6, 4.66),
    LabRun("B", 25e6, 0.9e9, 512, 6, 4.40),
    LabRun("C", 100e6, 0.225e9, 1024, 8, 4.48),
)
LAB_GAP = 0.1  # nats: "A and C are about 0.1 worse than B"


def lab_losses() -> tuple[Erratum, ...]:
    """The lab's three predicted losses, from E = 1.69, A = 406.4, alpha = .34, B = 410.7, beta = .28."""
    return tuple(Erratum(LAB, f"predicted loss of run {run.name}", run.loss, run.predicted, "nats/token",
                         f"1.69 + 406.4/{run.N:.3g}^0.34 + 410.7/{run.D:.3g}^0.28") for run in LAB_RUNS)


def lab_gaps() -> tuple[Erratum, ...]:
    """How much worse runs A and C are predicted to be than B."""
    a, b, c = LAB_RUNS
    return tuple(Erratum(LAB, f"loss of run {run.name} above run {b.name}", LAB_GAP, run.predicted - b.predicted, "nats/token",
                         "the same constants as its predictions") for run in (a, c))


def lab_isoflop() -> tuple[Erratum, ...]:
    """The lab's runs are called isoFLOP: 6 N D with the parameters its shapes really have, and the exact cost."""
    shapes = tuple(Erratum(LAB, f"6 N D of run {run.name}", LAB_BUDGET, run.six_nd, "FLOP",
                           f"12 x {run.layers} x {run.width}^2 = {run.non_embedding / 1e6:.1f}M parameters, not {run.N / 1e6:.0f}M")
                   for run in LAB_RUNS)
    exact = tuple(Erratum(LAB, f"training cost of run {run.name}", LAB_BUDGET, run.exact, "FLOP",
                          f"unembedding of {LAB_VOCABULARY:,} tokens and attention over {LAB_CONTEXT:,} are left out of 6 N D")
                  for run in LAB_RUNS)
    return shapes + exact


def essay() -> tuple[Erratum, ...]:
    """The essay's definition of the local exponent and its smallest model of Kaplan's."""
    middle = (KAPLAN_SIZES[0] * KAPLAN_SIZES[1]) ** 0.5
    exponent = float(local_exponent(BESIROGLU, middle))
    decades = log10(KAPLAN_SIZES[1] / KAPLAN_SIZES[0])
    return (
        Erratum(ESSAY, f"g = d log C / d log N, called the exponent of N_opt in C, at N = {middle:.2g}", 1 / exponent, exponent,
                "", "the definition is inverted: N_opt ~ C^g needs g = d log N / d log C"),
        Erratum(ESSAY, "Kaplan's smallest model", 768e6, KAPLAN_SIZES[0], "non-embedding parameters",
                f"768, not 768M: Kaplan's sizes, 768 to 1.5e9, span {decades:.1f} decades"),
    )


def pearce_song() -> tuple[Erratum, ...]:
    """One exponent for Kaplan's range: it depends on whose constants, and is no constant over the range."""
    low, high = (float(local_exponent(BESIROGLU, size)) for size in KAPLAN_SIZES)
    return (
        Erratum("Pearce & Song 2024", "exponent of non-embedding N over 768 to 1.5e9, Besiroglu et al.'s constants", 0.78,
                fitted_exponent(BESIROGLU), "", "least squares along the analytic optimum, sizes evenly spaced in ln N"),
        Erratum("Pearce & Song 2024", "the same, Hoffmann et al.'s constants", 0.74, fitted_exponent(HOFFMANN), "",
                "the same: their frontier takes, at each of 100 C, the best of 20 sizes, and is fitted a little lower"),
        Erratum("Pearce & Song 2024", "local exponent at the smallest and the largest size", "a power law",
                f"{low:.2f} at {KAPLAN_SIZES[0]:.0f}, {high:.2f} at {KAPLAN_SIZES[1]:.1e}", "",
                "it rises to nearly 1 in between: one exponent for the range describes no part of it"),
    )


GO_POSITIONS = 19 * 19
GO_BATCH = 64
GO_PEAK_STEPS = {"500M": 68_000, "1B": 134_000}


def go_flops_per_step(parameters: float, positions: int = GO_POSITIONS) -> float:
    """6 N x batch x board points: a convolution's weights multiply once at every point of the board."""
    return FLOPS_PER_PARAMETER_TOKEN * parameters * GO_BATCH * positions


def go() -> tuple[Erratum, ...]:
    """The Go study's cost of a step, and its rule on when models peak."""
    small, large = GO_PEAK_STEPS["500M"], GO_PEAK_STEPS["1B"]
    return (
        Erratum(GO, "FLOPs a step of the 1B model, batch 64", go_flops_per_step(1e9, positions=1), go_flops_per_step(1e9), "FLOP",
                f"6 N x 64 counts each weight once a board; a convolution uses it at all {GO_POSITIONS} points"),
        Erratum(GO, "steps to the peak of the 1B model, against 500M's", f"fewer than {small:,}", f"{large:,}", "steps",
                "\"larger models peak earlier\" fails for its own largest model"),
    )


def presentation() -> tuple[Erratum, ...]:
    """The presentation's reference to arXiv 2203.15556."""
    return (Erratum(PRESENTATION, "arXiv 2203.15556", "other authors, another topic",
                    "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models", "", "wrong attribution"),)


def errata() -> tuple[Erratum, ...]:
    """All of them, in the report's order."""
    return (*lab_losses(), *lab_gaps(), *lab_isoflop(), *essay(), *pearce_song(), *go(), *presentation())
