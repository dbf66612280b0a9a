"""What a column's header says: a plain name, and the unit that it is written in."""

import re
from dataclasses import dataclass

from study.fit.reading.names import ALIASES, PERCENT
from study.fit.reading.sizes import SCALES, SUPERSCRIPTS

UNITS = ("nats", "bits", "bits-per-byte", "nats-per-byte", "perplexity")
TAILS = ("nats", "nat", "nats_token", "nats_per_token", "bits", "bit", "bits_token", "bits_per_token", "bpt", "bits_byte",
         "bits_per_byte", "bpb", "bpc", "bits_char", "bits_per_char", "bits_per_character", "nats_byte", "nats_per_byte", "ppl",
         "perplexity")  # that end a loss's name
BITS, NATS = {"bit", "bits", "bpt"}, {"nat", "nats"}
BYTE, WORD = {"byte", "bytes", "char", "chars", "character", "characters"}, {"word", "words"}
LOGGED = re.compile(r"(?:^|_)(log|ln|log2)_(?:ppl|perplexity)$")  # nats already; bits of log2
LOG_OF = re.compile(r"(?:^|_)(?:log2|log10|ln)(?:_|$)|_log$|^log_(?!loss|ppl|perplexity|lik)")  # a logarithm of the loss, or bits
SIZES_OF_FILES = {"kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "bytes", "byte"}
FLOP = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24, "kilo": 1e3, "mega": 1e6,
        "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18, "zetta": 1e21, "yotta": 1e24}
DAY = 86400.0  # seconds: of a PF-day
TENS = {"ten": 10.0, "tens": 10.0, "10s": 10.0, "hundred": 100.0, "hundreds": 100.0, "100s": 100.0}  # of millions
BRACKETS = r"[(\[{]([^)\]}]*)[)\]}]"


@dataclass(frozen=True)
class Header:
    """One column's name, read."""

    name: str  # as the file has it
    plain: str  # lower case, words joined by underscores, without its unit
    scale: float  # 1e9 for "Tokens (B)", 0.01 for "unique (%)"
    unit: str  # of a loss, one of `UNITS` or "words"; of a text, "bytes" or "words"; "" where it does not say

    @property
    def words(self) -> frozenset[str]:
        return frozenset(self.plain.split("_"))


def read_header(name: str) -> Header:
    """The plain name of a column and the unit that its header states: `Tokens (B)` is tokens, times 1e9."""
    text, scale, unit, logarithm = name.strip(), 1.0, "", ""
    outside = re.sub(BRACKETS, "", text)
    if re.search(r"\S *\* *\S", outside):
        return Header(name, _plain(text), 1.0, "")  # a product of columns, each read under its own header
    for found in re.findall(BRACKETS, text):
        word = _plain(found).removeprefix("in_")
        scale = 0.01 if "%" in found or word in PERCENT else _scale(word) or scale
        unit = "bytes" if word.replace("_", "") in SIZES_OF_FILES else _unit(word) or unit
        unit = "bits" if word == "base_2" else unit
        logarithm = f"_{word}" if word in ("log", "ln", "log2", "log10") else logarithm
    plain = re.sub(r"^(?:number_of_|no_of_|count_of_)", "", _plain(outside)) + logarithm
    if "%" in outside:
        scale = 0.01
    if logged := LOGGED.search(plain):
        return Header(name, plain.replace("log2", "log"), 1.0, "bits" if logged[1] == "log2" else "nats")
    ending = re.match(r"^(.+?)_(?:in_)?(millions?|billions?|trillions?|bn|m|b|t|k)$", plain)
    if ending and ending[1] not in ALIASES["loss"]:
        plain, scale = ending[1], SCALES[ending[2]]
    elif power := re.match(r"^(.+?)_(?:x_?)?(?:1e|10_)(\d{1,2})$", plain):  # N/1e6
        plain, scale = power[1], 10.0 ** int(power[2])
    elif before := re.match(r"^(.*_)?([kmbgt])_?(tokens|toks|tok|params|parameters)$", plain):  # GTokens, unique_gtokens
        plain, scale = (before[1] or "") + before[3], SCALES[before[2]]
    elif before := re.match(r"^(millions?|billions?|trillions?)_(?:of_)?(.+)$", plain):
        plain, scale = before[2], SCALES[before[1]]
    elif (flop := _flop(plain)) is not None:
        plain, scale = "flops", flop if flop > 1 else scale
    if not unit:
        unit = _unit(plain)
        tail = next((word for word in sorted(TAILS, key=len, reverse=True) if plain.endswith(f"_{word}")), "")
        if tail and plain.removesuffix(f"_{tail}") in ALIASES["loss"]:
            plain = plain.removesuffix(f"_{tail}")
    return Header(name, plain, scale, unit)


def _unit(plain: str) -> str:
    """The unit of a loss that the words of a name say, in any order: one of `UNITS`, "words" of one by the word, or ""."""
    words = re.sub(r"(?:^|_)\d+_bits?(?=_|$)", "", plain).split("_")  # 4_bit is a precision
    said = set(words)
    if said & WORD:
        return "words"
    if said & BYTE and said & {"ppl", "perplexity"}:
        return "bytes"  # a perplexity by the byte
    if said & {"bpb", "bpc"}:
        return "bits-per-byte"
    if said & {"ppl", "perplexity"}:
        return "perplexity"
    by_byte = "-per-byte" if said & BYTE else ""
    if said & BITS:
        return f"bits{by_byte}"
    return f"nats{by_byte}" if said & NATS or (by_byte and "loss" in said) else ""


def _scale(word: str) -> float | None:
    """What a number counts in, by the words in brackets: B, 1e6 params, 100M, hundreds of millions; None for other words."""
    if power := re.fullmatch(r"x?_?(?:1e|10_?)(\d{1,2})(?:_(?:toks?|tokens|params|parameters|flops?))?", word):
        return float(10.0 ** int(power[1]))
    if several := re.fullmatch(r"(\d+)_?([kmbgt])(?:_(?:toks?|tokens|params|parameters))?", word):  # tokens (100M)
        return int(several[1]) * SCALES[several[2]]
    if (flop := _flop(word)) is not None:
        return flop
    if counted := re.fullmatch(r"([kmbgt])_?(?:toks?|tokens|params|parameters)", word):
        return SCALES[counted[1]]
    first, *rest = word.split("_")
    found = SCALES.get(first) or SCALES.get(word.split("_")[-1])
    return TENS[first] * SCALES.get(rest[-1], 1.0) if first in TENS and rest else found


def _flop(word: str) -> float | None:
    """FLOP in one of `EFLOP`, `exaflops` or `PF-days`; None for another word."""
    if days := re.fullmatch(r"(p|peta)_?f(?:lops?)?(?:_s)?_?days?", word):
        return FLOP[days[1]] * DAY
    found = re.fullmatch(r"([a-z]*?)_?flops?", word)
    return FLOP.get(found[1]) if found else None


def _plain(text: str) -> str:
    text = text.strip().translate(SUPERSCRIPTS)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z]|[KMBT]$)", "_", text)  # trainTokens, paramsM
    text = text.lower().replace("#", " ")
    return re.sub(r"[^a-z0-9]+", "_", text).strip("_")
