"""What a table itself gives reason to doubt, before any fit: slips of unit, losses that are none, designs that cannot tell.

Each check returns a `Doubt` or none. A severe one leads the verdict: the fit is done, and not to be relied on.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from study.errors import StudyError
from study.inference.parameters import Array

TRAINED = (2e7, 1e9)  # parameters and tokens after which any language model is below `UNTRAINED`
UNTRAINED = 5.5  # nats a token
LOW = (1.0, 1.4)  # nats a token: the lowest and the highest loss of a table below which it may be by the byte
LARGEST_VOCABULARY = 1e6  # entries: ln of it is 13.8 nats, what a uniform guess loses
RATIOS = (1e-2, 1e5)  # tokens a parameter between which runs of language models lie
SIZES = (3e3, 1e14)  # parameters of any model that was trained
RARE = (0.5, 3e3)  # tokens a parameter that some runs have, and no table in all of its rows
SMALL = (1e6, 1e8)  # parameters and tokens that leave a loss above `SMALL_LOSS`, in usual tokens
SMALL_LOSS = 3.0  # nats a token
FEW = 0.1  # of the losses, that may be slips one by one
SLIPS = ((1e3, "thousands"), (1e6, "millions"), (1e9, "billions"), (1e12, "trillions"))
USUAL_N, USUAL_D = (1e6, 1e12), (1e7, 1e14)
GOES_WITH = 0.5  # correlation of ln C with ln ND below which a column is no compute of these runs
GAP = 1e3  # between neighbours in D/N: two units in one table
COMPUTE = {"TFLOP": 1e12, "PFLOP": 1e15, "EFLOP": 1e18, "PF-days": 8.64e19, "ZFLOP": 1e21}  # FLOP of what C may be written in
LOGARITHMS = {"log10": 10.0, "ln": float(np.e)}
LOGGED_N, LOGGED_D = (1e5, 1e13), (1e6, 1e15)  # parameters and tokens whose logarithms may stand for them
USUAL = 20.0  # tokens a parameter that a slip is measured against
NARROW = 3.0  # largest over smallest D/N below which a design hardly tells the two terms apart
SIGNIFICANT = 4.0  # standard errors


class NotALossError(StudyError):
    """A column that rises with parameters and with tokens."""


@dataclass(frozen=True)
class Doubt:
    """One reason to doubt."""

    kind: str  # one word, for fit.json
    text: str  # one sentence, lower case, without its full stop
    severe: bool = False  # the answer is likely wrong, not only less certain


def refuse_no_loss(frame: pd.DataFrame) -> None:
    """Refuse a column that rises both with N and with D, as an accuracy does.

    Least squares of ln loss on ln N and ln D: both slopes positive, one by more than `SIGNIFICANT` standard errors; on ln ND
    where N and D cannot be told apart.

    Raises:
        NotALossError: it does.
    """
    slopes, along = _slopes(frame), _slope_in_compute(frame)
    both = slopes is not None and min(slopes[0]) > 0 and max(slopes[0] / slopes[1]) > SIGNIFICANT
    if slopes is not None and both:
        grows = f"with D and with N (as D^{slopes[0][1]:+.2f} N^{slopes[0][0]:+.2f})"
    elif slopes is None and along is not None and along[0] > SIGNIFICANT * along[1]:
        grows = f"with compute (as (ND)^{along[0]:+.2f})"
    else:
        return
    raise NotALossError(f"the loss grows {grows}: an accuracy or a score is no loss; name the loss with --columns loss=...")


def doubts(frame: pd.DataFrame, vocabulary: Array | None = None, derived: str = "") -> tuple[Doubt, ...]:
    """All doubts about a table of N, D, loss (nats a token) and perhaps C, in the order of their weight.

    Args:
        vocabulary: entries, one a row.
        derived: "N" or "D", where it was made from C and the other.
    """
    loss = frame["loss"].to_numpy()
    found = [_sizes(frame, derived), _small(frame), _loss_is_high(frame, vocabulary), _loss_is_late(frame), _loss_is_low(loss),
             _grows_with_tokens(frame), _compute(frame), _one_ratio(frame)]
    return tuple(doubt for doubt in found if doubt is not None)


def _sizes(frame: pd.DataFrame, derived: str) -> Doubt | None:
    N, D = frame["N"].to_numpy(), frame["D"].to_numpy()
    ratio = D / N
    low, high = float(ratio.min()), float(ratio.max())
    out = (ratio < RATIOS[0]) | (ratio > RATIOS[1])
    where = f"D/N is {low:.2g} to {high:.2g} in every row"
    if not out.all() and SIZES[0] <= float(np.median(N)) <= SIZES[1]:
        if high < RARE[0] and not derived:
            return Doubt("units", f"{where}: N and D swapped, or D in thousands? If they are as written, every run is far from its "
                         "optimum", True)
        if low > RARE[1] and not derived:
            return Doubt("units", f"{where}: N in thousands? If they are as written, every run is far from its optimum", True)
        mixed = _mixed(ratio, out)
        return replace(mixed, severe=True) if mixed and derived and out.mean() > FEW else mixed
    middle_N, middle_D = float(np.median(N)), float(np.median(D))
    if derived:
        return Doubt("units", f"{where}, with {derived} from C: {_derived_slip(middle_N, middle_D, derived)}", True)
    logarithm = next((name for name, base in LOGARITHMS.items() if _logged(N, D, base)), "")
    if logarithm:
        return Doubt("units", f"{where}: {logarithm} of N and {logarithm} of D? Write the numbers themselves", True)
    scales = (1.0, *(scale for scale, _ in SLIPS))
    best = min((_unlikely(middle_N * n, middle_D * d, n, d), n, d) for n in scales for d in scales if n * d > 1)
    if best[0] > 4:
        return Doubt("units", f"{where}, which no language model was trained at: check the units of N and D", True)
    slips = [(name, scale) for name, scale in (("N", best[1]), ("D", best[2])) if scale > 1]
    named = " and ".join(f"{name} in {dict(SLIPS)[scale]}" for name, scale in slips)
    full = " and ".join(f"{name} times 1e{round(np.log10(scale))}" for name, scale in slips)
    return Doubt("units", f"{where}: {named}? Write {full}", True)


def _derived_slip(N: float, D: float, derived: str) -> str:
    """Which unit C, or the one of N and D that is written, may be in: the other is C / 6 over it."""
    given, value, usual = ("N", N, USUAL_N) if derived == "D" else ("D", D, USUAL_D)
    above = (D / N / USUAL) ** (1 if derived == "D" else -1)  # times C's unit, over the other's squared, it should be 1
    units = [("C", name, scale, above * scale, value) for name, scale in COMPUTE.items()]
    units += [(given, name, scale, above / scale**2, value * scale) for scale, name in SLIPS]
    off, what, name, scale = min((abs(float(np.log10(left))) + _away(size, usual), what, name, scale)
                                 for what, name, scale, left, size in units)
    if off > 2:
        return "check the units of both"
    return f"{what} in {name}? Write {what} times {scale:g}".replace("e+0", "e").replace("e+", "e")


def _logged(N: Array, D: Array, base: float) -> bool:
    """Whether N and D may be logarithms: of models and texts that exist, at tokens a parameter that exist."""
    def within(values: Array, low: float, high: float) -> bool:
        return bool(values.min() * np.log(base) >= np.log(low) and values.max() * np.log(base) <= np.log(high))

    return within(N, *LOGGED_N) and within(D, *LOGGED_D) and within(D - N, *RATIOS)


def _mixed(ratio: Array, out: NDArray[np.bool_]) -> Doubt | None:
    """Rows of another unit among the others: a gap in D/N that no design has, or D/N that no language model has."""
    order = np.sort(ratio)
    gaps = order[1:] / order[:-1]
    if len(gaps) and float(gaps.max()) > GAP:
        at = int(np.argmax(gaps))
        return Doubt("mixed units", f"D/N runs from {order[0]:.2g} to {order[-1]:.2g}, with nothing between {order[at]:.2g} and "
                     f"{order[at + 1]:.2g}: some rows may be in another unit", True)
    if not out.any():
        return None
    return Doubt("mixed units", f"{int(out.sum())} of {len(out)} rows have a D/N outside {RATIOS[0]:g} to {RATIOS[1]:g}, from "
                 f"{order[0]:.2g} to {order[-1]:.2g}: check the units of N and D")


def _unlikely(N: float, D: float, n: float, d: float) -> float:
    """How unlikely it is, in decades, that N and D are meant, by scales n and d above what is written."""
    away = _away(N, USUAL_N) + _away(D, USUAL_D)
    slips = sum(0.5 * (scale > 1) + 0.7 * (scale == 1e3) for scale in (n, d))
    return abs(float(np.log10(D / N / USUAL))) + 0.3 * away + slips


def _away(value: float, usual: tuple[float, float]) -> float:
    """By how many decades a value lies outside the usual."""
    return max(float(np.log10(usual[0] / value)), float(np.log10(value / usual[1])), 0.0)


def _small(frame: pd.DataFrame) -> Doubt | None:
    """Losses that so small models do not reach after so few tokens, unless a token is a few bytes: N and D in thousands."""
    if {"bytes_per_token", "vocabulary"} & set(frame.columns) or float(frame["N"].median()) < SIZES[0]:
        return None
    found = frame[(frame["N"] < SMALL[0]) & (frame["D"] < SMALL[1]) & (frame["loss"] < SMALL_LOSS)]
    if not len(found):
        return None
    return Doubt("units", f"{len(found)} runs of fewer than {SMALL[0]:.0e} parameters and {SMALL[1]:.0e} tokens have a loss below "
                 f"{SMALL_LOSS:g} nats a token: tokens of few bytes, or N and D in thousands?".replace("e+0", "e"))


def _loss_is_high(frame: pd.DataFrame, vocabulary: Array | None) -> Doubt | None:
    loss = frame["loss"].to_numpy()
    bound = np.log(vocabulary) if vocabulary is not None else np.full_like(loss, np.log(LARGEST_VOCABULARY))
    out = loss > 1.05 * bound
    above = int(out.sum())
    if not above:
        return None
    what = f"ln of the vocabulary, {float(np.median(bound)):.3g} nats" if vocabulary is not None else \
        f"ln of any vocabulary ({float(bound[0]):.3g} nats for {LARGEST_VOCABULARY:.0e} entries)".replace("e+0", "e")
    if above <= len(loss) / 2 and float(np.median(loss[~out])) < UNTRAINED:  # the rest are nats
        first = int(np.argmax(out))
        line = f"line {int(frame['line'].iloc[first])}: " if "line" in frame.columns else ""
        return Doubt("loss unit", f"{above} of {len(loss)} losses are above {what} ({line}{loss[first]:g}): mistyped, or in "
                     "another unit?", above > FEW * len(loss))
    return Doubt("loss unit", f"{above} of {len(loss)} losses are above {what}: a perplexity, or a loss summed over tokens? "
                 "If a perplexity, --loss-unit perplexity", True)


def _loss_is_late(frame: pd.DataFrame) -> Doubt | None:
    """Losses that no model of so many parameters has after so many tokens: perplexities below ln of the vocabulary."""
    trained = frame[(frame["N"] > TRAINED[0]) & (frame["D"] > TRAINED[1])]
    if not len(trained) or float(trained["loss"].min()) < UNTRAINED or (frame["loss"] > np.log(LARGEST_VOCABULARY)).any():
        return None
    least = float(trained["loss"].min())
    return Doubt("loss unit", f"no run of more than {TRAINED[0]:.0e} parameters and {TRAINED[1]:.0e} tokens has a loss below "
                 f"{least:.2g} nats a token: a perplexity? Then --loss-unit perplexity".replace("e+0", "e"), True)


def _loss_is_low(loss: Array) -> Doubt | None:
    low, high = float(np.min(loss)), float(np.max(loss))
    if low >= LOW[0] and high >= LOW[1]:
        return None
    return Doubt("loss unit", f"the losses are {low:.2g} to {high:.2g} nats a token, which is low: are they by the byte? Say "
                 "--loss-unit")


def _grows_with_tokens(frame: pd.DataFrame) -> Doubt | None:
    if (slopes := _slopes(frame)) is None:
        return None
    in_errors = slopes[0] / slopes[1]
    k = int(np.argmax(in_errors))
    if in_errors[k] < SIGNIFICANT:
        return None
    name, other = ("N", "D") if k == 0 else ("D", "N")
    return Doubt("direction", f"the loss grows with {name} (as {name}^{slopes[0][k]:+.2f} at a given {other}): the law can only "
                 "fall", True)


def _compute(frame: pd.DataFrame) -> Doubt | None:
    if "C" not in frame.columns:
        return None
    ratio = frame["C"].to_numpy() / (6.0 * frame["N"].to_numpy() * frame["D"].to_numpy())
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    if not len(ratio):
        return None
    middle, spread = float(np.median(ratio)), float(np.exp(np.std(np.log(ratio))))
    if spread < 1.05 and 0.9 < middle < 1.1:
        return None
    if spread < 1.05:
        return Doubt("compute", f"C/(6ND) is {middle:.3g} throughout{_factor(middle)}; the fit and --predict-c mean 6ND",
                     not 1 / 2 <= middle <= 2)
    if 0.5 < middle < 2:
        return None  # attention, embeddings: an exact count
    product = np.log(frame["N"] * frame["D"])
    if not np.ptp(np.log(frame["C"])) > 0 or abs(np.corrcoef(np.log(frame["C"]), product)[0, 1]) < GOES_WITH:
        return None  # of something else: the speed of a machine, a context
    return Doubt("compute", f"C/(6ND) is {middle:.3g} at the median, from {ratio.min():.2g} to {ratio.max():.2g}: C, N or D "
                 "may be in another unit or of another run", True)


def _factor(ratio: float) -> str:
    for factor, why in ((1 / 6, "C = ND"), (1 / 3, "C = 2ND, the forward pass alone"), (4 / 3, "C = 8ND, with recomputation"),
                        (1e3, "a thousand"), (1e6, "a million"), (1e9, "a billion"), (1e-3, "a thousandth"), (1e-6, "a millionth"),
                        (1e-9, "a billionth"), (86400.0, "seconds in a day"), (1 / 86400.0, "FLOP/s-days"),
                        *((1 / scale, unit) for unit, scale in COMPUTE.items())):
        if abs(np.log(ratio / factor)) < 0.05:
            return f" ({why})"
    return f" (C = {6 * ratio:.3g} ND)"


def _one_ratio(frame: pd.DataFrame) -> Doubt | None:
    ratio = np.log(frame["D"].to_numpy() / frame["N"].to_numpy())
    spread = float(np.exp(np.ptp(ratio)))
    if spread > NARROW or len(frame) < 3:
        return None
    return Doubt("design", f"D/N varies by a factor of {spread:.2g} only: runs at one ratio hardly tell alpha from beta, and the "
                 "optimum is left to the prior; add runs at a quarter and at four times the ratio", True)


def _slopes(frame: pd.DataFrame) -> tuple[Array, Array] | None:
    """Slopes of ln loss in ln N and ln D and their standard errors; None where they cannot be told apart."""
    n, d, y = (np.log(frame[name].to_numpy()) for name in ("N", "D", "loss"))
    if len(frame) < 5 or min(np.ptp(n), np.ptp(d)) < 1e-9 or abs(stats.pearsonr(n, d)[0]) > 0.98:
        return None
    design = np.column_stack([np.ones_like(n), n, d])
    return _least_squares(design, y)


def _slope_in_compute(frame: pd.DataFrame) -> tuple[float, float] | None:
    """The slope of ln loss in ln ND and its standard error; None for fewer than four rows, or one N D."""
    c, y = np.log(frame["N"].to_numpy() * frame["D"].to_numpy()), np.log(frame["loss"].to_numpy())
    if len(frame) < 4 or np.ptp(c) < 0.5:
        return None
    slopes, se = _least_squares(np.column_stack([np.ones_like(c), c]), y)
    return float(slopes[0]), float(se[0])


def _least_squares(design: Array, y: Array) -> tuple[Array, Array]:
    coefficients, *_ = np.linalg.lstsq(design, y, rcond=None)
    variance = float(np.sum((y - design @ coefficients) ** 2)) / (len(y) - design.shape[1])
    se = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    return np.asarray(coefficients[1:]), np.maximum(se[1:], 1e-12)
