import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study import published
from study.published import TABLES, PublishedError, PublishedTable, fetch_path

BODY = b"Model Size,Training FLOP,loss\n1e8,1e18,3.0\n"


class CountingHandler(SimpleHTTPRequestHandler):
    paths: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.paths.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "table.csv").write_bytes(BODY)
    CountingHandler.paths.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(CountingHandler, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDY_PUBLISHED", raising=False)


def served(url: str) -> PublishedTable:
    return replace(TABLES["chinchilla"], url=f"{url}/table.csv", sha256=hashlib.sha256(BODY).hexdigest())


@pytest.mark.usefixtures("no_folder")
def test_fetched_once_and_verified(server: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = fetch_path(served(server), cache)
    assert path.read_bytes() == BODY
    assert fetch_path(served(server), cache) == path
    assert CountingHandler.paths == ["/table.csv"]
    path.write_bytes(b"damaged")
    assert fetch_path(served(server), cache).read_bytes() == BODY
    assert len(CountingHandler.paths) == 2


@pytest.mark.usefixtures("no_folder")
def test_other_bytes_are_refused_and_not_kept(server: str, tmp_path: Path) -> None:
    table = replace(served(server), sha256="0" * 64)
    with pytest.raises(PublishedError, match="now yields sha256"):
        fetch_path(table, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.usefixtures("no_folder")
def test_unreachable_says_what_to_do(server: str, tmp_path: Path) -> None:
    gone = replace(served(server), url=f"{server}/absent.csv")
    with pytest.raises(PublishedError, match=r"cannot fetch.*404.*STUDY_PUBLISHED"):
        fetch_path(gone, tmp_path / "cache")
    closed = replace(gone, url="http://127.0.0.1:1/table.csv")
    with pytest.raises(PublishedError, match=r"cannot fetch.*STUDY_PUBLISHED"):
        fetch_path(closed, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.usefixtures("no_folder")
def test_derived_tables_come_from_the_folder_alone(tmp_path: Path) -> None:
    with pytest.raises(PublishedError, match=r"no URL.*STUDY_PUBLISHED"):
        fetch_path(TABLES["porian-fits"], tmp_path)


def test_folder_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    table = replace(TABLES["chinchilla"], sha256=hashlib.sha256(BODY).hexdigest())
    with pytest.raises(PublishedError, match="has no epoch-research__analyzing-chinchilla"):
        fetch_path(table)
    path = tmp_path / table.local
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert fetch_path(table) == path
    path.write_bytes(BODY + b"1,2,3\n")
    with pytest.raises(PublishedError, match="restore the original"):
        fetch_path(table)


def test_unknown_table() -> None:
    with pytest.raises(PublishedError, match="porian-fits"):
        published.fetch("nothing")


def test_every_table_is_pinned() -> None:
    for table in TABLES.values():
        assert len(table.sha256) == 64 and len(table.commit) == 40
        assert table.licence and table.citation and table.columns
        assert (table.url is None) == table.path.startswith("derived/")
        if table.url:
            parts = table.url.removeprefix(published.RAW + "/").split("/")
            assert len(parts[2]) == 40


def test_chinchilla_marks_the_five_highest_losses() -> None:
    frame = published.chinchilla()
    assert len(frame) == 245 and frame["outlier"].sum() == 5
    assert frame.loc[frame["outlier"], "loss"].min() > frame.loc[~frame["outlier"], "loss"].max()
    assert list(np.flatnonzero(frame["outlier"])) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(6 * frame["N"] * frame["D"], frame["C"], rtol=1e-12)


def test_derived_readers() -> None:
    runs = published.datablations()
    assert len(runs) == 182 and (runs["unique"] <= runs["D"] * (1 + 1e-9)).mean() > 0.9
    fits = published.porian("fits")
    steps = fits[(fits["source"] == "summary_df") & (fits["dataset"] == "rw")]
    np.testing.assert_allclose(steps["weighted.n_exponent"].head(5), [0.835, 0.706, 0.602, 0.571, 0.497], atol=5e-4)
    assert isinstance(published.porian(), pd.DataFrame) and {"C", "N", "D", "loss"} <= set(published.porian().columns)
