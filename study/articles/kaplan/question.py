"""The runs behind the article: which grids, on which text, by which recipe."""

from study.articles.kaplan.data import BATCHES, FACTORS, SHAPES, Kaplan
from study.articles.shared import text
from study.config import RunConfig
from study.data.corpora import corpus
from study.grids import GRIDS, grid
from study.grids.design import language_config

OPTIMISERS = {"adamw": "AdamW", "muon": "Muon, token shift"}


def _config(name: str) -> RunConfig | None:
    return language_config(grid(name).cells[0].config) if name in GRIDS else None


def table(study: Kaplan) -> object:
    """Each grid: its text and recipe, and the sizes and the number of its recorded runs."""
    rows = []
    grids = (study.grid, *FACTORS, *SHAPES, *BATCHES)
    for name, runs in zip(grids, (study.design, study.factors, study.shapes, study.batches), strict=True):
        config = _config(name)
        if config is not None and len(runs):
            recipe = OPTIMISERS[config.optimiser] + (", shifted keys" if config.key_shift else "")
            rows.append({"grid": f"`{name}`", "text": corpus(config.corpus).about, "corpus": f"`{config.corpus}`",
                         "recipe": recipe, "context": str(config.context),
                         "parameters": f"{text.count(float(runs['N'].min()))} to {text.count(float(runs['N'].max()))}",
                         "runs": str(len(runs))})
    return text.table(rows, left=("text", "corpus", "recipe")) if rows else text.absent("no grid of language models")


def main(study: Kaplan) -> str:
    """The name of the grid of budgets."""
    return f"`{study.grid}`"


def other(study: Kaplan) -> str:
    """The other corpus that the runs of the grid of budgets are evaluated on."""
    config = _config(study.grid)
    return f"`{config.ood_corpus}` ({corpus(config.ood_corpus).about})" if config and config.ood_corpus else text.ABSENT
