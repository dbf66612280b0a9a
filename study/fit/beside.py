"""The fit of the same runs with every open study as its prior, beside the default prior: `study fit --prior atlas`."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from study.errors import StudyError
from study.fit.fits import Answers, answer
from study.fit.job import Job
from study.fit.output import as_json, optimum_json
from study.fit.run import Result
from study.inference.answers import Summary, summarise
from study.inference.intervals import decades
from study.inference.parameters import Array
from study.inference.pooled.informed import everyone, fit_informed
from study.inference.pooled.prior import atlas_prior, atlas_record
from study.inference.posterior import ImportanceDiagnostics, Posterior
from study.record import write_atomic, write_json

PRIORS = ("default", "atlas")
PARAMETERS = ("E", "A", "B", "alpha", "beta", "a", "b")


@dataclass(frozen=True)
class Beside:
    """The posterior under the atlas's prior, and its answers to the job's questions."""

    posterior: Posterior
    answers: Answers


def fit_beside(job: Job) -> Beside:
    """Fit the job's runs with the recorded population as the prior of the law; their noise and groups as in the job.

    Raises:
        PriorError: there is no recorded population. StudyError: the draws do not cover the posterior (k-hat > 0.7).
    """
    prior = everyone(atlas_prior(), job.bytes_per_token)
    posterior = fit_informed(job.frame, prior, job.spec, seed=job.seed, bytes_per_token=job.bytes_per_token)
    if not posterior.diagnostics.converged:
        raise StudyError(f"the fit with the atlas's prior did not converge (k-hat {posterior.khat:.2f}): these runs and the "
                         "open studies contradict each other; use --prior default")
    return Beside(posterior, answer(posterior, job.predict_n, job.predict_c, seed=job.seed))


def relation(default: Array, atlas: Array) -> Literal["agree", "disagree"]:
    """Whether each median lies in the other's 95 % interval."""
    one, two = summarise(default), summarise(atlas)
    inside = one.ci95[0] <= two.median <= one.ci95[1] and two.ci95[0] <= one.median <= two.ci95[1]
    return "agree" if inside else "disagree"


def add(job: Job, result: Result, beside: Beside) -> None:
    """Put the second prior into the job's prediction.md and fit.json, each replaced whole."""
    path = job.out / "prediction.md"
    write_atomic(path, f"{path.read_text()}\n{section(job, result, beside)}".encode())
    path = job.out / "fit.json"
    body = json.loads(path.read_text()) | {"atlas": beside_json(job, result, beside)}
    write_json(path, body)


def section(job: Job, result: Result, beside: Beside) -> str:
    """The part of prediction.md that shows both priors."""
    tables = atlas_record()["provenance"]["tables"]
    laboratories = len({table["laboratory"] for table in tables.values()})
    D, other = result.answers.at_N.D, beside.answers.at_N.D
    rows = (("D_opt, tokens", D, other), ("tokens a parameter", D / job.predict_n, other / job.predict_n),
            ("a, of N_opt = G (C/6)^a", result.fits.posterior.draws.a, beside.posterior.draws.a))
    table = "\n".join(f"| {name} | {_shown(summarise(one))} | {_shown(summarise(two))} |" for name, one, two in rows)
    verdict = ("The two priors agree: each median lies in the other's interval." if relation(D, other) == "agree" else
               "The two priors disagree: a median lies outside the other's interval. Either these runs differ from every open "
               "study, or they are too few for the default prior: add runs before relying on either.")
    return (f"## With what everyone else measured\n\nThe second column has {len(tables)} open tables of {laboratories} "
            "laboratories as its prior (alpha, beta, E, the reducible loss and tokens a parameter, their spreads widened as the "
            "atlas says), and the same runs.\n\n"
            f"| at {job.predict_n:.3g} parameters | default prior | atlas prior |\n|---|---|---|\n{table}\n\n"
            f"{verdict} The 95 % interval of D_opt spans {decades(D):.1f} decades with the default prior and "
            f"{decades(other):.1f} with the atlas's.\n")


def beside_json(job: Job, result: Result, beside: Beside) -> dict[str, Any]:
    """The entry "atlas" of fit.json: parameters, the answer at N, diagnostics, and whether the priors agree."""
    law, seen = beside.posterior.draws, beside.posterior.diagnostics
    body: dict[str, Any] = {name: as_json(getattr(law, name)) for name in PARAMETERS}
    at_N = optimum_json(beside.posterior, beside.answers.at_N, job.bytes_per_token, float(beside.posterior.rows.C.max()))
    khat = seen.khat if isinstance(seen, ImportanceDiagnostics) else None
    return {"posterior": body, "at_N": {"N": job.predict_n, **at_N}, "khat": khat,
            "relation": relation(result.answers.at_N.D, beside.answers.at_N.D), "prior": atlas_record()["provenance"]}


def _shown(summary: Summary) -> str:
    low, high = summary.ci95
    return f"{summary.median:.3g} [{low:.3g}, {high:.3g}]"
