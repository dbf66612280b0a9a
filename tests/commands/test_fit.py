"""`study fit`: what it writes, for a table and for a grid, and that bad input leaves one line and no file."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from matplotlib.image import imread
from typer.testing import CliRunner

from study.cli import app
from study.errors import StudyError
from study.fit import fit_table
from study.fit.job import grid_job
from study.fit.picture import budget_of
from study.fit.words import count, plain, scientific
from study.grids import grid
from study.grids.files import written
from study.inference.digits import holding
from study.laws.hoffmann import LossSurface
from tests.conftest import ROOT, Load

LAB = "params,tokens,val_loss\n5e6,4.5e9,4.66\n25e6,900e6,4.40\n100e6,225e6,4.48\n"
ASKED = ("--overtrain", "200", "--inference-tokens", "1e12")
SURFACE = {"E", "A", "B", "alpha", "beta", "a", "b"}


def fit(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["fit", *map(str, arguments)])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, fitted."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab.csv").write_text(LAB)
    result = fit(folder / "lab.csv", *ASKED, "--out", folder / "out")
    assert result.exit_code == 0, result.output
    assert "compute over" in result.output
    said = " ".join(result.output.split())
    assert "no group effect" in said and "D_opt(1B)" in said and "single isoFLOP" in said
    return folder / "out"


def test_the_function_does_what_the_command_does(lab: Path, tmp_path: Path) -> None:
    result = fit_table(lab.parent / "lab.csv", overtrain=200, inference_tokens=1e12, out=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "fit.json").read_text()) == json.loads((lab / "fit.json").read_text())
    assert result.argument.verdict and result.files == ("fit.json", "iso-flop.png", "posterior.nc", "prediction.md")
    for wrong in ({"predict_n": -1.0}, {"bytes_per_token": 0.0}, {"predict_c": float("nan")}):
        with pytest.raises(StudyError, match="must be a positive finite number"):
            fit_table(lab.parent / "lab.csv", out=tmp_path / "none", **wrong)
    with pytest.raises(StudyError, match="'many' is not a number such as 7e9"):
        fit_table(lab.parent / "lab.csv", predict_n="many", out=tmp_path / "none")
    with pytest.raises(StudyError, match="has no column 'size' for N"):
        fit_table(lab.parent / "lab.csv", predict_n="1B", columns={"N": "size"}, out=tmp_path / "none")
    with pytest.raises(StudyError, match="reads D as N and as D"):
        fit_table(lab.parent / "lab.csv", columns="N=D,D=D", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_files_of_a_table(lab: Path) -> None:
    assert sorted(path.name for path in lab.iterdir()) == ["fit.json", "iso-flop.png", "posterior.nc", "prediction.md"]
    assert not [path for path in lab.parent.iterdir() if path.name.startswith(".")]
    assert imread(lab / "iso-flop.png").std() > 0.05


def test_fit_json_has_the_three_fits_and_the_answers(lab: Path) -> None:
    body = json.loads((lab / "fit.json").read_text())
    for name in ("posterior", "huber", "curve_fit"):
        assert SURFACE - {"a", "b"} <= set(body[name]), body[name]
    assert set(body["posterior"]) == SURFACE | {"s", "g", "nu", "tA", "tB"}
    for value in body["posterior"].values():
        assert value["ci95"][0] < value["ci80"][0] < value["ci50"][0] < value["point"] < value["ci50"][1] < value["ci95"][1]
    assert body["seed"] == 0 and body["spec"]["group"] is None and body["method"] == "importance sampling"
    at = body["answers"]["at_N"]
    low, high = at["D_opt"]["posterior"]["ci95"]
    assert 3.5 < np.log10(high / low) < 5.5  # three runs do not settle it
    assert at["D_opt_bytes"]["posterior"]["point"] == pytest.approx(4.3 * at["D_opt"]["posterior"]["point"])
    assert at["tokens_per_parameter"]["posterior"]["point"] == pytest.approx(at["D_opt"]["posterior"]["point"] / 1e9)
    assert at["extrapolation_factor"]["point"] == pytest.approx(at["C"]["point"] / 1.35e17)
    assert body["data"]["dropped"] == [] and "alpha and beta" in body["warnings"][0]


def test_what_another_ratio_costs(lab: Path) -> None:
    body = json.loads((lab / "fit.json").read_text())["answers"]["overtraining"]
    assert body["tokens_per_parameter"] == pytest.approx(body["D"] / body["N"]) == 200
    assert 6 * body["N"] * body["D"] == pytest.approx(5.76e23)
    assert body["loss_above_the_optimum"]["point"] > 0 and body["compute_over_the_optimum_of_the_same_loss"]["ci95"][0] >= 1
    text = (lab / "prediction.md").read_text()
    assert "## At another ratio" in text and "200 tokens a parameter are" in text


def test_what_inference_costs_makes_the_model_smaller(lab: Path) -> None:
    answers = json.loads((lab / "fit.json").read_text())["answers"]
    serving, optimum = answers["serving"], answers["at_C"]["N_opt"]["posterior"]
    assert serving["inference_tokens"] == 1e12 and serving["N"]["point"] < optimum["point"]
    assert serving["FLOP"]["point"] < serving["FLOP_of_the_compute_optimal"]["point"]
    assert "## With inference counted" in (lab / "prediction.md").read_text()


def test_the_posterior_file_is_inference_data(lab: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz as az
    data = az.from_netcdf(str(lab / "posterior.nc"), engine="h5netcdf")
    body = json.loads((lab / "fit.json").read_text())
    assert float(data.posterior["alpha"].median()) == pytest.approx(body["posterior"]["alpha"]["point"], rel=0.03)  # stored thinned
    assert data.log_likelihood["ln_L"].shape[-1] == 3
    data.close()


def test_the_prose_follows_the_numbers(lab: Path) -> None:
    text = (lab / "prediction.md").read_text()
    body = json.loads((lab / "fit.json").read_text())
    at = body["answers"]["at_N"]["D_opt"]["posterior"]
    shown = [count(value, holding(value, error)) for value, error in zip(
        (at["point"], *at["ci95"]), (at["mcse"]["point"], *at["mcse"]["ci95"]), strict=True)]
    assert f"{shown[0]} [{shown[1]}, {shown[2]}] tokens" in text and len(shown[0]) < 4  # three runs: two digits at the most
    assert text.splitlines()[2] == f"**{body['verdict'][0].upper()}{body['verdict'][1:]}.**"
    assert "contains the rule of 20, as it would contain many others" in text
    assert "do not settle the question" in text and "single isoFLOP" in text
    assert not re.search(r"nan|inf\b|None", text)


def test_the_same_seed_gives_the_same_numbers(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(LAB)
    assert fit(tmp_path / "lab.csv", *ASKED, "--out", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "fit.json").read_text() == (lab / "fit.json").read_text()


@pytest.mark.parametrize(("text", "arguments", "words"), [
    ("N,loss\n1,2\n", (), "no column for D"),
    (LAB.replace("4.66", "high"), (), "not a number"),
    (LAB.replace("4.66", "-4"), (), "not positive"),
    (LAB.replace("4.66", "nan"), (), "not a number"),
    ("N,D,loss\n1e6,1e7,3\n2e6,1e7,2.9\n", (), "at least 3"),
    ("N,D,loss\n1e6,1e7,3\n2e6,2e7,2.9\n2e6,2e7,2.8\n", (), "distinct"),
    ("N,D,loss\n1e6,1e7,3\n1e6,2e7,2.9\n1e6,3e7,2.8\n", (), "same N"),
    ("N,D,loss\n1e6,1e7,3\n2e6,1e7,2.9\n3e6,1e7,2.8\n", (), "same D"),
    (LAB, ("--drop-highest", "1"), "at least 3"),
    (LAB, ("--predict-n", "0"), "--predict-n"),
    (LAB, ("--group", "width"), "width column"),
    (LAB, ("--group", "city"), "--group"),
    (LAB, ("--columns", "N"), "--columns"),
    (LAB, ("--grid", "quick"), "one of the two"),
])
def test_bad_input_is_an_error_a_person_can_act_on_and_writes_nothing(tmp_path: Path, text: str, arguments: tuple[str, ...],
                                                                     words: str) -> None:
    (tmp_path / "runs.csv").write_text(text)
    result = fit(tmp_path / "runs.csv", "--out", tmp_path / "out", *arguments)
    assert isinstance(result.exception, StudyError), result.output
    assert words in str(result.exception) and "\n" not in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]


def test_an_out_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text(LAB)
    (tmp_path / "file").write_text("mine")
    for out, words in ((tmp_path / "file", "is a file"), (tmp_path / "file" / "below", "cannot write")):
        result = fit(tmp_path / "runs.csv", "--out", out)
        assert isinstance(result.exception, StudyError) and words in str(result.exception)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_grid_of_a_file_is_fitted_under_its_name(tmp_path: Path) -> None:
    file, quick = tmp_path / "mine.json", grid("quick")
    file.write_text(written(quick))
    job = grid_job(str(file), ROOT / "runs", "auto", 0)
    assert job.name == "quick" and job.source == "the grid quick"
    with pytest.raises(StudyError, match=f"{tmp_path / 'none' / 'quick'} holds no complete run.*--grid {file}"):
        grid_job(str(file), tmp_path / "none", "auto", 0)


def test_an_empty_grid_says_how_to_train_it(tmp_path: Path) -> None:
    result = fit("--grid", "quick", "--runs", tmp_path)
    assert isinstance(result.exception, StudyError) and "study run --grid quick" in str(result.exception)
    assert isinstance(fit("--grid", "none-such").exception, StudyError)


def test_numbers_for_prose() -> None:
    assert [count(x) for x in (1e9, 2.14e10, 999.9e9, 5e5, 3e16, 12.0)] == ["1B", "21.4B", "1T", "500K", "3.00e16", "12"]
    assert [count(2.14e10, digits) for digits in (1, 2, 3)] == ["20B", "21B", "21.4B"]
    assert [plain(x) for x in (21.44, 1234.5, 3e7)] == ["21.4", "1,234", "3.00e7"]
    assert scientific(5.76e23) == "5.76e23"


def test_budgets_are_found_in_gaps_of_compute() -> None:
    C = np.array([1e18, 1.1e18, 1e19, 0.95e19, 1e20])
    assert len(set(budget_of(C))) == 3
    assert len(set(budget_of(np.geomspace(1e18, 1e21, 60)))) == 9


@pytest.mark.slow
def test_a_table_with_widths_has_their_effect_and_a_grid_its_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    law = LossSurface(1.1, 60.0, 900.0, 0.36, 0.40)
    N, C = (axis.ravel() for axis in np.meshgrid([2e4, 6e4, 2e5, 6e5, 2e6], [3e11, 3e12, 3e13, 3e14]))
    frame = pd.DataFrame({"N": N, "D": C / 6 / N, "width": np.tile([16, 24, 32, 48, 64], 4)})
    frame["loss"] = law.loss(frame["N"], frame["D"]) * np.exp(0.003 * rng.standard_normal(len(frame)))
    frame.to_csv(tmp_path / "runs.csv", index=False)
    result = fit(tmp_path / "runs.csv", "--out", tmp_path / "out", "--drop-highest", 1)
    assert result.exit_code == 0, result.output
    body = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert body["method"] == "NUTS" and body["spec"]["group"] == "width" and "tau" in body["posterior"]
    assert [row["loss"] for row in body["data"]["dropped"]] == pytest.approx([frame["loss"].max()])
    low, high = body["posterior"]["beta"]["ci95"]
    assert low < 0.40 < high

    result = fit("--grid", "quick", "--runs", ROOT / "runs", "--out", tmp_path / "quick")
    assert result.exit_code == 0, result.output
    runs = pd.read_csv(tmp_path / "quick" / "runs.csv")
    assert list(runs.columns) == ["run_id", "N", "D", "val_loss", "dollars"] and len(runs) >= 3


@pytest.mark.slow
def test_chinchilla_s_points_from_compute(published: Load, tmp_path: Path) -> None:
    frame = published("chinchilla").rename(columns={"N": "Model Size", "C": "Training FLOP"})
    frame[["Model Size", "Training FLOP", "loss"]].to_csv(tmp_path / "points.csv", index=False)
    result = fit(tmp_path / "points.csv", "--drop-highest", 5, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    body = json.loads((tmp_path / "out" / "fit.json").read_text())
    ratio = body["answers"]["at_N"]["tokens_per_parameter"]["posterior"]
    assert [ratio["ci95"][0], ratio["point"], ratio["ci95"][1]] == pytest.approx([19.4, 21.4, 23.7], abs=0.3)
    assert [body["huber"][name]["point"] for name in ("E", "alpha", "beta")] == pytest.approx([1.8172, 0.3473, 0.3672], abs=2e-4)
    assert len(body["data"]["dropped"]) == 5
    assert "contains the rule of 20." in (tmp_path / "out" / "prediction.md").read_text()
