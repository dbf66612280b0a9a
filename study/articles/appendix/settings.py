"""Everything that determines a run of the grid, by what it is a setting of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from study.analysis.study import Study
from study.articles.shared import text

if TYPE_CHECKING:
    from IPython.display import Markdown

SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType({  # every field of `RunConfig` as a paper would name it
    "text": {"corpus": "corpus", "vocabulary": "vocabulary", "context": "context", "tokens": "training tokens",
             "unique_tokens": "limit of unique tokens", "epochs": "passes"},
    "model": {"width": "width", "layers": "layers", "heads": "heads", "token_shift": "token shift", "key_shift": "shifted keys",
              "copy_start": "shifted keys start as queries", "attention_scale": "largest logit"},
    "optimiser": {"optimiser": "blocks' matrices by", "learning_rate": "learning rate",
                  "embedding_lr_multiplier": "factor for the embedding's", "batch_tokens": "batch in tokens",
                  "beta1": "β₁", "beta2": "β₂", "adam_epsilon": "ε", "weight_decay": "weight decay",
                  "gradient_clip": "gradient norm at most"},
    "schedule": {"warmup_fraction": "warm-up share", "schedule": "decay"},
    "evaluation": {"eval_tokens": "validation tokens", "ood_corpus": "second corpus", "curve_points": "points of the curve",
                   "curve_tokens": "validation tokens at each"},
    "computation": {"seed": "seed", "precision": "precision", "compiled": "compiled", "recipe": "version of the training code"},
})
NONE_AT: Mapping[str, object] = MappingProxyType({"unique_tokens": 0, "attention_scale": 0.0, "ood_corpus": ""})  # not set


def table(study: Study) -> "Markdown":
    """A row for each thing that has settings; where the planned runs differ in one, its least and its largest value."""
    configs = [cell.config.to_dict() for cell in study.grid.planned]
    rows = []
    for what, names in SETTINGS.items():
        said = []
        for name, shown in names.items():
            values = sorted({config[name] for config in configs})
            said.append(f"{shown} " + " – ".join(_value(name, value) for value in dict.fromkeys((values[0], values[-1]))))
        rows.append({"of": what, "settings": ", ".join(said)})
    return text.table(rows, left=("settings",))


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in NONE_AT and value == NONE_AT[name]:
        return "not set"
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
