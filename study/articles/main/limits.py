"""What the study cannot say: its recipe, its context, its language."""

from study.analysis.study import Study
from study.articles.shared import text, words

WORD = 6  # bytes of a word and its space, about as many as in English


def recipe(study: Study) -> str:
    """Where the rule for learning rate and batch is from."""
    return "that was tuned at small budgets" if len(study.sweep) else "that was taken over from another grid"


def context(study: Study) -> str:
    """Tokens of a context."""
    return f"{study.grid.cells[0].config.context:,}"


def context_bytes(study: Study) -> str:
    """Bytes of it."""
    return text.count(study.grid.cells[0].config.context * study.bytes_per_token)


def _english(study: Study) -> tuple[float, str]:
    """Bits a byte of the best run on English, where another corpus was read, else on its own; and that corpus."""
    return min((record.losses["ood"].bits_per_byte, record.config.ood_corpus) if "ood" in record.losses
               else (record.losses["validation"].bits_per_byte, record.config.corpus)
               for record in study.records.values() if record.status == "complete")


def english(study: Study) -> str:
    """The corpus of English."""
    return f"`{_english(study)[1]}`"


def english_bits(study: Study) -> str:
    """What the best run needs on it, bits a byte."""
    return text.significant(_english(study)[0])


def word_bytes() -> str:
    """Bytes of a word, as a word."""
    return words.number_word(WORD)


def word_chance(study: Study) -> str:
    """The probability of a word of English by that run."""
    return f"{text.two(100 * 2.0 ** (-WORD * _english(study)[0]))} %"
