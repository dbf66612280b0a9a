"""What `study fit` does and leaves behind: fit.json, posterior.nc, iso-flop.png, prediction.md, and runs.csv for a grid."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from study.errors import StudyError
from study.fit.argument import Argument, argue
from study.fit.fits import Answers, Fits, answer, fit_all
from study.fit.job import Job, scratch
from study.fit.output import fit_json
from study.fit.prediction import prediction
from study.inference.posterior import Posterior, inference_data
from study.inference.serving import Overtraining, Serving, overtraining, serving
from study.laws.hoffmann import LossSurface
from study.record import write_json

STORED, STORED_CELLS = 4000, 2_000_000  # draws in posterior.nc, and draws x rows of its log likelihood


@dataclass(frozen=True)
class Result:
    """A fit that was done."""

    fits: Fits
    answers: Answers
    argument: Argument
    serving: Serving | None
    overtrained: Overtraining | None
    files: tuple[str, ...]


def run(job: Job, say: Callable[[str], None] = lambda _: None) -> Result:
    """Fit, answer, write. Files are written beside `out` and moved in when all are whole.

    Raises:
        UnconvergedError: nothing is written. StudyError: the disk refused.
    """
    from study.fit.picture import iso_flop

    say(f"fitting {len(job.frame)} runs: about half a minute")
    N0, D0 = job.reference
    fits = fit_all(job.frame, job.spec, seed=job.seed, N0=N0, D0=D0, bytes_per_token=job.bytes_per_token,
                   asked=job.predict_n)
    say("deriving the answers")
    answers = answer(fits.posterior, job.predict_n, job.predict_c, seed=job.seed)
    law = fits.posterior.draws
    found, overtrained = None, None
    if job.inference_tokens is not None and isinstance(law, LossSurface):
        found = serving(law, job.predict_c, job.inference_tokens)
    if job.overtrain is not None and isinstance(law, LossSurface):
        overtrained = overtraining(law, job.predict_c, job.overtrain)
    say("looking for what speaks against them")
    argument = argue(job.frame, fits.posterior, job.predict_n, job.doubts, seed=job.seed, rough=fits.rough)
    say("drawing and writing")
    budgets = job.frame["budget"].to_numpy(dtype=float) if "budget" in job.frame.columns else None
    figure = iso_flop(fits.posterior, job.predict_n, job.predict_c, budgets)
    text = prediction(fits, answers, argument, job.predict_n, source=job.source, dropped=len(job.dropped),
                      bytes_per_token=job.bytes_per_token, serving=found, overtrained=overtrained)
    folder = None
    try:
        folder = scratch(job.out)
        write_json(folder / "fit.json", fit_json(job, fits, answers, argument, found, overtrained))
        (folder / "prediction.md").write_text(text)
        figure.savefig(folder / "iso-flop.png", dpi=200)
        stored_inference_data(fits.posterior).to_netcdf(str(folder / "posterior.nc"), engine="h5netcdf")
        if job.runs is not None:
            job.runs.to_csv(folder / "runs.csv", index=False)
        files = sorted(path.name for path in folder.iterdir())
        job.out.mkdir(parents=True, exist_ok=True)
        for name in files:
            (folder / name).replace(job.out / name)
    except OSError as error:
        raise StudyError(f"cannot write to {job.out}: {error.strerror or error}") from None
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
    return Result(fits, answers, argument, found, overtrained, tuple(files))


def stored_inference_data(posterior: Posterior) -> Any:
    """The arviz.InferenceData of posterior.nc: some of the draws, evenly spaced, chains kept apart."""
    most = min(STORED, max(100, STORED_CELLS // len(posterior.rows)))
    if posterior.idata is not None:
        every = -(-posterior.idata.posterior.sizes["draw"] * posterior.idata.posterior.sizes["chain"] // most)
        return posterior.idata.isel(draw=slice(None, None, every))
    take = slice(None, None, -(-len(posterior.parameters) // most))
    values = posterior.parameters.take(take)
    law = values.surface(posterior.N0, posterior.D0)
    return inference_data(replace(posterior, draws=law, parameters=values, u=posterior.u[take]))
