"""What the atlas says of the claims that are its to test: a word picked by a stated condition, and the numbers it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from study.atlas.leave_out import HELD
from study.atlas.read import Atlas, difference
from study.laws.published import RULE

FACTOR = 2.0  # a rule that holds to within this factor for a new study is a property, not a coincidence
AT, COUNTED = "1e+21", "total parameters"  # FLOP at which it is judged, and what N counts
FORECAST_HELD = 0.9  # share of a top budget's runs that the 95 % intervals of a forecast should hold
METHODS_AGREE = 0.9  # share of the tables on which two methods should agree
CHINCHILLA = "chinchilla-scalefit"  # the reading of its figure that has budgets
CLAIMED = (0.1, 0.3)  # nats a token by which cleaner text is said to lower E
HALF = (0.35, 0.65)  # share of studies that 50 % intervals should hold
COARSE, CLEAN = "marin-comma", ("marin-dclm", "marin-nemotron")  # of one laboratory, on one evaluation set

Word = Literal["reproduced", "contradicted", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """A claim's word, and the number with its interval that decides it."""

    word: Word
    point: float
    low: float
    high: float


def universal(atlas: Atlas) -> Verdict:
    """"20 is a deep structural property": D/N of a new study at `AT` FLOP, total parameters counted, as `RULE` counts them.

    Reproduced where the 95 % interval lies within a factor of `FACTOR` of `RULE`; contradicted where no part of it does; else
    undecided.
    """
    found = atlas.new_study(f"R at {AT}", COUNTED)
    low, high = found["ci95"]
    least, most = RULE / FACTOR, RULE * FACTOR
    word: Word = ("reproduced" if low >= least and high <= most else
                  "contradicted" if high < least or low > most else "undecided")
    return Verdict(word, found["point"], low, high)


def cleaner(atlas: Atlas) -> dict[str, Verdict]:
    """"Cleaner text lowers E by 0.1-0.3": E on openly licensed text less that on filtered web text, nats a token, by corpus.

    Undecided where a compared table fails its forecast (`forecast_holds`): its E is the law's, and the law fails. Else reproduced
    where the interval overlaps the claimed range and excludes 0; contradicted where it has no part in the range; else undecided.
    """
    out = {}
    for name in CLEAN:
        point, low, high = difference(atlas.alone[COARSE]["E"], atlas.alone[name]["E"])
        if not (forecast_holds(atlas.alone[COARSE]) and forecast_holds(atlas.alone[name])):
            word: Word = "undecided"
        elif low > 0 and low <= CLAIMED[1] and high >= CLAIMED[0]:
            word = "reproduced"
        else:
            word = "contradicted" if high < CLAIMED[0] or low > CLAIMED[1] else "undecided"
        out[name] = Verdict(word, point, low, high)
    return out


def forecast_holds(row: Mapping[str, Any]) -> bool:
    """Whether the 95 % intervals of a table's forecast hold `FORECAST_HELD` of the runs of its top budget; not without one."""
    found = row["forecast"]
    return found is not None and found["inside"]["95"] >= FORECAST_HELD * found["predicted"]


def agrees(row: Mapping[str, Any]) -> bool:
    """Whether a table's exponent by isoFLOP parabolas lies in the 95 % interval of its law."""
    low, high = row["a"]["ci95"]
    return bool(low <= row["parabolas"] <= high)


def with_parabolas(atlas: Atlas) -> dict[str, dict[str, Any]]:
    """The tables that have budgets, and so an exponent by isoFLOP parabolas."""
    return {name: row for name, row in atlas.alone.items() if row["parabolas"] is not None}


def methods(atlas: Atlas) -> Word:
    """"Chinchilla's methods agree", of two of its three: reproduced where they do (`agrees`) for `METHODS_AGREE` of the tables;
    contradicted where they do for fewer and not on Chinchilla's own points either; else undecided.
    """
    found = with_parabolas(atlas)
    if sum(map(agrees, found.values())) >= METHODS_AGREE * len(found):
        return "reproduced"
    return "undecided" if CHINCHILLA not in found or agrees(found[CHINCHILLA]) else "contradicted"


def calibrated(atlas: Atlas, prior: str = "atlas") -> Literal["hold", "do not hold"]:
    """Whether the leave-one-out intervals from three runs hold: 95 % for `HELD` of the studies at least, 50 % within `HALF`."""
    wide, studies = atlas.covered(prior, 3, "95")
    half, _ = atlas.covered(prior, 3, "50")
    return "hold" if wide >= HELD * studies and HALF[0] * studies <= half <= HALF[1] * studies else "do not hold"


def narrower(atlas: Atlas, runs: int = 3, prior: str = "atlas") -> float:
    """Median width of ln D_opt with the atlas's prior over that with the default prior."""
    return atlas.median_width(prior, runs) / atlas.median_width("default", runs)
