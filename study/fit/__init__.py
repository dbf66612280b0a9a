"""What `study fit` says about one table of runs: read it, fit it three ways, argue against the fit, answer, write it down.

    from study import fit
    result = fit.fit_table("runs.csv", predict_n=1e9, out="build/fit/mine")
    result.argument.verdict      one line: tested, or not to be relied on
    result.answers.at_N.D        draws of D_opt at predict_n

It writes what the command writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StudyError

if TYPE_CHECKING:
    from study.fit.run import Result


def fit_table(table: str | Path, *, predict_n: float | str = 1e9, predict_c: float | str = 5.76e23,
              columns: str | Mapping[str, str] = "", loss_unit: str = "", rows: str = "auto", group: str = "auto",
              drop_highest: int = 0, bytes_per_token: float | None = None, inference_tokens: float | str | None = None,
              overtrain: float | None = None, out: str | Path | None = None, seed: int = 0) -> "Result":
    """Fit the law to a table of runs as `study fit` does, and write the same files to `out` (build/fit/NAME by default).

    Args:
        predict_n, predict_c: parameters, and FLOP (6 N D), that the optimum is asked for: 1e9 or "1B".
        columns: {"N": "params"}, or "N=params,loss=val_loss", where the names are not recognised.
        loss_unit, rows, group: see `study fit --help`.
        inference_tokens: also find the least training plus inference FLOPs for the loss of the optimum at predict_c.
        overtrain: tokens a parameter: also what such a model costs at predict_c, in loss and in compute.

    Raises:
        StudyError: the table cannot be read or fitted; the message is one line that says what to do.
    """
    from study.fit.job import complete, table_job  # PyMC and matplotlib take seconds to import
    from study.fit.reading.sizes import check_positive, size
    from study.fit.run import run

    try:
        N, C, served = size(predict_n), size(predict_c), None if inference_tokens is None else size(inference_tokens)
    except ValueError as error:
        raise StudyError(str(error)) from None
    check_positive(predict_n=N, predict_c=C, bytes_per_token=bytes_per_token, inference_tokens=served, overtrain=overtrain)
    job = table_job(Path(table), columns, group, drop_highest, rows=rows, loss_unit=loss_unit, bytes_per_token=bytes_per_token)
    where = None if out is None else Path(out)
    return run(complete(job, N, C, bytes_per_token, where, seed, served, overtrain))
