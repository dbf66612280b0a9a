"""What the atlas says of the claims that are its to test: a word picked by a stated condition, and the numbers it rests on."""

from dataclasses import dataclass
from typing import Literal

from study.atlas.leave_out import HELD
from study.atlas.read import Atlas, difference
from study.laws.published import RULE

FACTOR = 2.0  # a rule that holds to within this factor for a new study is a property, not a coincidence
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


def universal(atlas: Atlas, C: str = "1e+21") -> Verdict:
    """"20 is a deep structural property": D/N of a new study at C.

    Reproduced where the 95 % interval lies within `FACTOR` of `RULE`; contradicted where the 80 % interval does not even fit
    into a range so wide, wherever it is centred; else undecided.
    """
    found = atlas.new_study(f"R at {C}")
    low, high = found["ci95"]
    inner_low, inner_high = found["ci80"]
    if low >= RULE / FACTOR and high <= RULE * FACTOR:
        word: Word = "reproduced"
    else:
        word = "contradicted" if inner_high / inner_low > FACTOR**2 else "undecided"
    return Verdict(word, found["point"], low, high)


def cleaner(atlas: Atlas) -> dict[str, Verdict]:
    """"Cleaner text lowers E by 0.1-0.3": E on openly licensed text less that on filtered web text, nats a token, by corpus.

    Reproduced where the interval lies within or overlaps the claimed range and excludes 0; contradicted where it lies below
    the range; else undecided.
    """
    out = {}
    for name in CLEAN:
        point, low, high = difference(atlas.alone[COARSE]["E"], atlas.alone[name]["E"])
        if low > 0 and low <= CLAIMED[1] and high >= CLAIMED[0]:
            word: Word = "reproduced"
        else:
            word = "contradicted" if high < CLAIMED[0] or low > CLAIMED[1] else "undecided"
        out[name] = Verdict(word, point, low, high)
    return out


def methods(atlas: Atlas) -> tuple[int, int]:
    """"Chinchilla's methods agree": tables whose exponent by isoFLOP parabolas lies in the 95 % interval of its law, and tables."""
    found = [row for row in atlas.alone.values() if row["parabolas"] is not None]
    return sum(row["a"]["ci95"][0] <= row["parabolas"] <= row["a"]["ci95"][1] for row in found), len(found)


def calibrated(atlas: Atlas, prior: str = "atlas") -> Literal["hold", "do not hold"]:
    """Whether the leave-one-out intervals from three runs hold: 95 % for `HELD` of the studies at least, 50 % within `HALF`."""
    wide, studies = atlas.covered(prior, 3, "95")
    half, _ = atlas.covered(prior, 3, "50")
    return "hold" if wide >= HELD * studies and HALF[0] * studies <= half <= HALF[1] * studies else "do not hold"


def narrower(atlas: Atlas, runs: int = 3, prior: str = "atlas") -> float:
    """Median width of ln D_opt with the atlas's prior over that with the default prior."""
    return atlas.median_width(prior, runs) / atlas.median_width("default", runs)
