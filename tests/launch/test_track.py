"""MLflow: configs, curves and artefacts of a trained grid in a sqlite store; a store that is gone stops nothing.

Needs the extra `track`: `make test-extras`.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from study.launch import track
from study.launch.track import tracked
from study.record import RunRecord, run_directory, write_record
from tests.makers import record

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # MLflow's own, and those of what it loads


@pytest.fixture
def recorded(tmp_path: Path) -> RunRecord:
    made = record()
    write_record(run_directory(tmp_path / "runs", "made", made.run_id), made)
    return made


def stored(uri: str, grid: str) -> tuple[object, list[object]]:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(f"study/{grid}")
    return client, list(client.search_runs([experiment.experiment_id]))


def test_a_run_is_logged_once(recorded: RunRecord, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for _ in range(2):  # a second launch finds it there
        with tracked(uri, "made", tmp_path / "runs", Console()) as log:
            log({recorded.run_id: recorded})
            log({recorded.run_id: recorded})
    client, runs = stored(uri, "made")
    assert len(runs) == 1
    run = runs[0]
    assert run.info.run_name == recorded.run_id and run.info.status == "FINISHED"
    assert {key: run.data.params[key] for key in recorded.config.to_dict()} == {
        key: str(value) for key, value in recorded.config.to_dict().items()}
    assert run.data.metrics["final_validation_loss"] == recorded.losses["validation"].nats_per_token
    curve = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [(m.step, m.value) for m in curve] == [(p.tokens, p.validation_loss) for p in recorded.curve]
    assert {a.path for a in client.list_artifacts(run.info.run_id)} == {"record.json", "curve.csv"}
    assert (tmp_path / "artifacts").is_dir(), "artefacts go beside the store, not into the folder one happens to stand in"


def test_a_store_that_is_gone_costs_a_line(recorded: RunRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with tracked(f"sqlite:///{tmp_path}/file/mlflow.db", "made", tmp_path / "runs", Console(width=300)) as log:
        log({recorded.run_id: recorded})
    assert "could be logged" in capsys.readouterr().out
    monkeypatch.setattr(track, "LAST_SECONDS", 0.2)
    monkeypatch.setattr(track, "_open", lambda *_: __import__("time").sleep(5))
    with tracked("http://127.0.0.1:9", "made", tmp_path / "runs", Console(width=300)) as log:
        log({recorded.run_id: recorded})
    assert "did not answer in time" in capsys.readouterr().out


def test_the_launcher_logs_a_grid(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [sys.executable, "-W", "ignore", "-m", "study.cli", "run", "--grid", "smoke", "--workers", "2", "--runs",
               str(tmp_path / "runs"), "--mlflow-uri", uri]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0 and "could be logged" not in done.stdout, done.stdout + done.stderr
    assert len(stored(uri, "smoke")[1]) == 3
