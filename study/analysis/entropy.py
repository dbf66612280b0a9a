"""Does the fitted E mean the entropy of the text? Grids on texts drawn from Markov chains, whose entropy is known exactly."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from study.analysis.corpora import corpus_summary
from study.analysis.misfit import residuals
from study.analysis.study import SEED, Study, once
from study.grids import grid
from study.inference.answers import Summary, summarise
from study.inference.classical.huber import fit_huber
from study.inference.forms import FormFit, fit_form
from study.inference.observations import grid_reference
from study.inference.posterior import UnconvergedError
from study.inference.priors import Priors, priors
from study.inference.scores import rms
from study.inference.spec import HEADLINE, ModelSpec
from study.laws.errata import TARGET_N
from study.predictions import read_prediction, scores
from study.table import fit_rows

SOURCES = ("markov-2", "markov-3")  # both the grid and the corpus
FORMS = ("hoffmann", "nesting")
HUBER = "huber"
FEWEST_BUDGETS = 3
CELL = ["budget", "width"]  # of a run with the first seed
PINNED = 1e-4  # s.d. of ln E where the entropy is given


@dataclass(frozen=True, eq=False)
class Source:
    """The recorded runs on one text."""

    name: str
    entropy: float  # nats a token, exact
    contexts: int  # runs of tokens that something follows in the chain
    rows: pd.DataFrame  # the fitted runs
    planned: int  # how many the design has
    scores: pd.DataFrame  # of the held-out runs, `predictions.scores`; empty before they are trained

    @property
    def budgets(self) -> list[float]:
        """The recorded budgets, ascending."""
        return sorted(set(self.rows["budget"]))

    def up_to(self, budget: float) -> pd.DataFrame:
        """The fitted runs of at most so much compute."""
        return self.rows[self.rows["budget"] <= budget].reset_index(drop=True)

    def fitted(self, form: str, *, up_to: float = np.inf, entropy: float | None = None) -> FormFit:
        """The posterior of one form from the budgets up to `up_to`, all under one prior; E at `entropy` where that is given.

        Raises:
            UnconvergedError: the draws are not reliable.
        """
        return _fitted(self, form, min(up_to, self.budgets[-1]), entropy)


@lru_cache(maxsize=64)  # each fit serves several figures and sentences
def _fitted(source: Source, form: str, up_to: float, entropy: float | None) -> FormFit:
    bytes_per_token = float(source.rows["bytes_per_token"].mean())
    prior: Priors = priors(ModelSpec(law=form), bytes_per_token)
    if entropy is not None:
        prior = replace(prior, E=(float(np.log(entropy)), PINNED))
    N0, D0 = grid_reference(grid(source.name), HEADLINE)
    return fit_form(source.up_to(up_to), form, seed=SEED, N0=N0, D0=D0, bytes_per_token=bytes_per_token, prior=prior, group="width")


@dataclass(frozen=True)
class Floor:
    """E as one method has it from the budgets up to `largest`; a point estimate has no interval."""

    form: str
    largest: float
    runs: int
    E: float  # nats a token: the median, or the estimate
    low: float
    high: float  # of the central 95 % interval


@once
def sources(study: Study) -> list[Source]:
    """The texts whose runs are recorded, `FEWEST_BUDGETS` budgets of them at the least."""
    out = []
    for name in SOURCES:
        folder, summary = study.folder_of(name), corpus_summary(study, name)
        if folder is None or summary is None:
            continue
        frame = study.frame_of(name)
        rows = fit_rows(frame)
        if rows["budget"].nunique() < FEWEST_BUDGETS:
            continue
        prediction = read_prediction(folder, name)
        seen = scores(prediction, frame) if prediction else pd.DataFrame()
        chain = summary["markov"]
        out.append(Source(name, float(chain["entropy"]), int(chain["contexts"]), rows, len(grid(name).of("fit")), seen))
    return out


def floor(source: Source, form: str, largest: float) -> Floor | None:
    """E by one of `FORMS`, or by Huber's fit, from the budgets up to `largest`; None where the fit did not converge."""
    rows = source.up_to(largest)
    if form == HUBER:
        point = fit_huber(rows["N"], rows["D"], rows["loss"]).surface.E
        return Floor(form, largest, len(rows), float(np.ravel(point)[0]), float("nan"), float("nan"))
    try:
        draws = source.fitted(form, up_to=largest).parameters.E
    except UnconvergedError:
        return None
    found = summarise(draws)
    return Floor(form, largest, len(rows), found.median, *found.ci95)


@once
def floors(study: Study) -> list[tuple[Source, list[Floor]]]:
    """For each text E by method and range of budgets."""
    return [(source, [found for largest in source.budgets[FEWEST_BUDGETS - 1:] for form in (*FORMS, HUBER)
                      if (found := floor(source, form, largest))])
            for source in sources(study)]


@once
def last(study: Study, form: str = FORMS[0]) -> list[tuple[Source, Floor]]:
    """For each text E by one form, the headline's where none is said, from all budgets."""
    found = [(source, floor(source, form, source.budgets[-1])) for source in sources(study)]
    return [(source, one) for source, one in found if one]


@dataclass(frozen=True)
class Beside:
    """The forms on a drawn text and on the study's own, each fitted to the cells of which both have a run."""

    source: str
    cells: int
    misfit: tuple[float, float]  # drawn, own: r.m.s. of ln L less the posterior median of Hoffmann's form, percent
    lead: tuple[float, float]  # drawn, own: elpd of the nesting form less that of Hoffmann's


@once
def beside(study: Study) -> list[Beside]:
    """One a text; none where a fit did not converge or too few cells are shared."""
    own = study.fit[study.fit["seed"] == 0]
    out = []
    for source in sources(study):
        shared = pd.merge(own[CELL], source.rows[CELL])
        drawn = source if len(shared) == len(source.rows) else replace(source, rows=source.rows.merge(shared))
        both = [drawn, replace(source, name=study.grid.name, rows=own.merge(shared))]
        if shared["budget"].nunique() < FEWEST_BUDGETS:
            continue
        try:
            fits = [{form: one.fitted(form) for form in FORMS} for one in both]
        except UnconvergedError:
            continue
        plain, nesting = FORMS
        misfit, other = (100 * rms(residuals(fit[plain], one.rows)) for fit, one in zip(fits, both, strict=True))
        lead, further = (fit[nesting].elpd - fit[plain].elpd for fit in fits)
        out.append(Beside(source.name, len(shared), (misfit, other), (lead, further)))
    return out


@once
def truer(study: Study) -> list[bool]:
    """For each text whether the form of the higher elpd has the median of E that is nearer to the entropy."""
    plain, nesting = ({source.name: abs(one.E - source.entropy) for source, one in last(study, form)} for form in FORMS)
    return [(one.lead[0] > 0) == (nesting[one.source] < plain[one.source]) for one in beside(study)
            if one.source in plain and one.source in nesting]


@dataclass(frozen=True)
class Worth:
    """What knowing the entropy does to the answer: D_opt at the target, tokens."""

    free: Summary
    given: Summary

    @property
    def factor(self) -> float:
        """The median with the entropy given over that without."""
        return self.given.median / self.free.median


def worth(source: Source, form: str = FORMS[0]) -> Worth | None:
    """The answer of all recorded budgets with E free and with E at the entropy; None where a fit did not converge."""
    try:
        free, given = (source.fitted(form, entropy=given).draws.D_opt_at(TARGET_N) for given in (None, source.entropy))
    except UnconvergedError:
        return None
    return Worth(summarise(np.asarray(free)), summarise(np.asarray(given)))
