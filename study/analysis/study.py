"""The study behind the articles: records -> table -> fits -> answers, each computed once and kept in one cache."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from study.errors import StudyError
from study.grids import MAIN, grid
from study.grids.design import Grid
from study.inference import shared
from study.inference.classical.huber import HuberFit, fit_huber
from study.inference.classical.points import InferenceError
from study.inference.classical.varpro import VarProFit, fit_varpro
from study.inference.fast.fit import fit_fast
from study.inference.fast.target import supported
from study.inference.observations import PriorDominatedWarning, grid_reference
from study.inference.parameters import Parameters
from study.inference.posterior import IMPORTANCE, NUTS, Posterior, UnconvergedError, fit_posterior
from study.inference.priors import draw_prior
from study.inference.spec import BYTES_PER_TOKEN, HEADLINE, ModelSpec
from study.pool import pool
from study.record import COMMITTED, RunRecord, runs_folder
from study.table import fit_rows, held_out_rows, records_of, table

CHINCHILLA_C = 5.76e23  # FLOP: Gopher's budget, which Chinchilla was trained for
USUAL_BYTES = BYTES_PER_TOKEN
SEED = 0
PRIOR_DRAWS = 4000
MANY_DRAWS = 40_000  # of the answer's numbers
REPLICATE = "replicate"  # folder of runs trained again, laid out like `runs`
TUNINGS = ("sweep", "tuning", "check")  # grids that tuned the recipe of their corpus, or check the rule
FEWEST = 7  # complete runs that an article can be made of
P = ParamSpec("P")
T = TypeVar("T")


class AnalysisError(StudyError):
    """No records that an article could be made of."""


def key(result: Any, *arguments: object) -> tuple[object, ...]:
    """What names a result in `Study.cache`: the function (or property of Study) that derives it, and its other arguments."""
    function: Any = result.fget if isinstance(result, property) else result
    return (function.__module__, function.__qualname__, *arguments)


def once(function: "Callable[Concatenate[Study, P], T]") -> "Callable[Concatenate[Study, P], T]":
    """Derive `function(study, ...)` when it is first asked for, and keep it in the study's cache."""

    @wraps(function)
    def kept(study: "Study", /, *args: P.args, **kwargs: P.kwargs) -> T:
        name = key(function, *args, *kwargs.items())
        if name not in study.cache:
            study.cache[name] = function(study, *args, **kwargs)
        found: T = study.cache[name]
        return found

    return kept


@dataclass(frozen=True)
class Fitted:
    """A posterior and how it was drawn."""

    posterior: Posterior
    method: str  # NUTS or IMPORTANCE
    reason: str = ""  # why not by NUTS, where that was asked for


@dataclass(frozen=True, eq=False)
class Study:
    """The records of one grid (and of the sweep that tuned it), and the cache of everything derived from them."""

    grid: Grid
    folders: tuple[Path, ...]  # of records: that of the runs first, then those that hold what was recorded beside them
    records: Mapping[str, RunRecord]  # of the grid's finished runs
    frame: pd.DataFrame  # `study.table.table` of them
    sweep: pd.DataFrame  # the same of the sweep; empty when it is not that of this grid's corpus
    sweep_records: Mapping[str, RunRecord]
    again: Mapping[str, RunRecord]  # runs of the grid trained a second time, on another processor: runs/replicate/<grid>
    seeds: pd.DataFrame  # runs of more seeds of its cells, in no fit; empty where none are of this grid
    nuts: bool = True  # else every posterior that allows it is drawn by importance sampling: for tests
    cache: dict[tuple[object, ...], Any] = field(default_factory=dict, init=False, repr=False)
    # pending NUTS fits, see `load`; replace() drops them and the cache, because a copy may hold other records
    begun: dict[ModelSpec, "Future[Posterior]"] = field(default_factory=dict, init=False, repr=False)

    @property
    @once
    def fit(self) -> pd.DataFrame:
        """The rows every fit sees."""
        return fit_rows(self.frame)

    @property
    @once
    def held_out(self) -> pd.DataFrame:
        """The rows no fit sees."""
        return held_out_rows(self.frame)

    @property
    @once
    def isoflop_rows(self) -> pd.DataFrame:
        """The fit rows on the isoFLOP path: one seed a cell."""
        return self.fit[self.fit["role"] == "isoflop"].reset_index(drop=True)

    @property
    @once
    def reference(self) -> tuple[float, float]:
        """(N0, D0): geometric means over all fit cells of the design, run or not."""
        return grid_reference(self.grid, HEADLINE)

    @property
    @once
    def budgets(self) -> list[float]:
        """All budgets of the design, ascending."""
        return sorted({cell.budget for cell in self.grid.planned})

    @property
    @once
    def held_out_budgets(self) -> list[float]:
        """Those of held-out cells alone."""
        fitted = {cell.budget for cell in self.grid.of("fit")}
        return sorted({cell.budget for cell in self.grid.of("held-out")} - fitted)

    @property
    @once
    def largest_C(self) -> float:
        """The largest C = 6 N D that was fitted, FLOP."""
        return float(self.fit["C"].max())

    @property
    @once
    def largest_N(self) -> float:
        """The largest N that was fitted."""
        return float(self.fit["N"].max())

    @property
    @once
    def bytes_per_token(self) -> float:
        """Bytes of text a token, this corpus and vocabulary."""
        return float(self.fit["bytes_per_token"].mean())

    @property
    @once
    def headline(self) -> Fitted:
        """The posterior of the headline model, by NUTS; by importance sampling where NUTS does not converge."""
        return self.drawn(HEADLINE)

    @property
    @once
    def posterior(self) -> Posterior:
        """The headline's posterior."""
        return self.headline.posterior

    @property
    @once
    def fast(self) -> Posterior:
        """The same by importance sampling: what every refit is compared with."""
        return self.refit(self.fit)

    @property
    @once
    def many(self) -> Posterior:
        """The headline's posterior by ten times as many draws, for the printed answer, whose last digits need them.

        By importance sampling; the headline's own draws where that fails its gate.
        """
        found = self.refit(self.fit, draws=MANY_DRAWS)
        return found if found.diagnostics.converged else self.posterior

    @property
    @once
    def prior(self) -> Parameters:
        """Draws from the headline's prior."""
        return draw_prior(HEADLINE, PRIOR_DRAWS, seed=SEED, bytes_per_token=self.bytes_per_token)

    @property
    @once
    def huber(self) -> HuberFit:
        """Approach 3: Huber's loss of ln L from 4,500 starts."""
        return fit_huber(self.fit["N"], self.fit["D"], self.fit["loss"])

    @property
    @once
    def varpro(self) -> VarProFit | None:
        """Least squares of ln L by variable projection; None where it cannot be."""
        try:
            return fit_varpro(self.fit["N"], self.fit["D"], self.fit["loss"])
        except InferenceError:
            return None

    def find(self, name: str) -> Path | None:
        """The first of `folders` that holds the file or folder `name`, as "published/chinchilla.json"; None where none does."""
        return next((folder / name for folder in self.folders if (folder / name).exists()), None)

    def folder_of(self, name: str) -> Path | None:
        """The first of `folders` that holds runs of the grid `name`; None where none does."""
        found = self.find(name)
        return found.parent if found else None

    def frame_of(self, name: str) -> pd.DataFrame:
        """`study.table.table` of the finished runs of another grid; without rows or columns where none is recorded."""
        where = self.folder_of(name)
        return table(grid(name), records_of(grid(name), where)) if where else pd.DataFrame()

    def drawn(self, spec: ModelSpec) -> Fitted:
        """A model's posterior by NUTS; by importance sampling where NUTS does not converge and the model allows it.

        Raises:
            UnconvergedError: neither passes its gate.
        """
        if not self.nuts and supported(spec):
            return Fitted(self.refit(self.fit, spec), IMPORTANCE, "NUTS was not asked for")
        try:
            begun = self.begun.get(spec)
            return Fitted(begun.result() if begun else by_nuts(self.fit, spec, self.grid), NUTS)
        except UnconvergedError as error:
            found = self.refit(self.fit, spec) if supported(spec) else None
            if found is None or not found.diagnostics.converged:
                raise
            return Fitted(found, IMPORTANCE, str(error))

    def refit(self, rows: pd.DataFrame, spec: ModelSpec = HEADLINE, *, draws: int = 4000) -> Posterior:
        """A posterior by importance sampling, under the design's own (N0, D0)."""
        N0, D0 = grid_reference(self.grid, spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PriorDominatedWarning)  # the articles say it
            return fit_fast(
                rows, spec, seed=SEED, draws=draws, N0=N0, D0=D0, bytes_per_token=self.bytes_per_token, fallback=False
            )


def by_nuts(rows: pd.DataFrame, spec: ModelSpec, design: Grid) -> Posterior:
    """A posterior by NUTS under the design's own (N0, D0); articles that are rendered together draw it once."""
    N0, D0 = grid_reference(design, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorDominatedWarning)  # the articles say it
        return fit_posterior(rows, spec, seed=SEED, N0=N0, D0=D0, share=shared.folder())


def load(name: str | None = None, runs: Path | None = None, *, nuts: bool = True,
         ahead: Sequence[ModelSpec] = ()) -> Study:
    """The study of a grid's records: $STUDY_GRID (default `grids.MAIN`) under `record.runs_folder` where not given.

    What is recorded beside the runs (calibrations, corpora, published fits) is looked for there, then among the committed records.

    ahead: models whose fits by NUTS begin at once, a process a core. Each compiles for ten seconds and more, on one thread.

    Raises:
        GridError: no such grid.
        AnalysisError: too few complete runs to fit.
    """
    study = of(grid(name or os.environ.get("STUDY_GRID") or MAIN), runs or runs_folder(), nuts=nuts)
    if ahead:
        workers = pool(None)
        study.begun.update({spec: workers.submit(by_nuts, study.fit, spec, study.grid) for spec in ahead})
        workers.shutdown(wait=False)
    return study


def of(chosen: Grid, folder: Path, *, nuts: bool = True) -> Study:
    """The study of one grid's records below `folder`.

    Raises:
        AnalysisError: too few complete runs to fit.
    """
    records = records_of(chosen, folder)
    tunings = [tuning for tuning in map(grid, TUNINGS) if tuning.corpus == chosen.corpus]
    swept = [records_of(tuning, folder) for tuning in tunings]
    frames = [table(tuning, some) for tuning, some in zip(tunings, swept, strict=True) if some]
    sweep = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    sweep_records = {run_id: record for some in swept for run_id, record in some.items()}
    frame = table(chosen, records)
    rows = fit_rows(frame)
    sizes = rows[rows["role"] == "isoflop"].groupby("budget")["N"].nunique()
    if len(rows) < FEWEST or not (sizes >= 3).any():
        raise AnalysisError(
            f"{folder}/{chosen.name} holds {len(rows)} complete runs to fit, and an article needs {FEWEST} with three "
            "sizes of one budget: "
            f"train more with `study run --grid {chosen.name}`, or choose other records with STUDY_GRID and STUDY_RUNS"
        )
    more, configs = grid("seeds"), {cell.config for cell in chosen.cells}
    of_this = all(replace(cell.config, seed=0) in configs for cell in more.cells)
    seeds = table(more, records_of(more, folder)) if of_this else pd.DataFrame()
    folders = tuple(dict.fromkeys((folder, COMMITTED)))
    return Study(chosen, folders, records, frame, sweep, sweep_records, records_of(chosen, folder / REPLICATE), seeds, nuts)
