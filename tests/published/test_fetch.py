"""A published table's file: fetched once, verified, read from a folder, and what is said where it cannot be had."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from study.published import fetch, load, published_table
from study.published.fetch import File, PublishedError, PublishedTable, UnavailableError, csv, fetched, read
from tests.conftest import SKIPPED, load_or_skip

BODY = b"N,loss\n1e8,3.0\n"
FILE = File("them/theirs", "0" * 40, "data/table.csv", hashlib.sha256(BODY).hexdigest(), csv)


class CountingHandler(SimpleHTTPRequestHandler):
    asked: list[tuple[str, str]] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        self.asked.append(("HEAD", self.path))
        super().do_HEAD()

    def do_GET(self) -> None:
        self.asked.append(("GET", self.path))
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A host that serves `FILE` as the repositories' host would, with no folder named."""
    path = tmp_path / "served" / FILE.repository / FILE.commit / FILE.path
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    CountingHandler.asked.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(CountingHandler, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{httpd.server_address[1]}"
    monkeypatch.setattr(fetch, "RAW", url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("STUDY_PUBLISHED", raising=False)
    yield url
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def table(file: File | None = FILE, folder: File = FILE) -> PublishedTable:
    return replace(published_table("chinchilla"), name="theirs", origin=file, folder=folder)


@pytest.mark.usefixtures("server")
def test_fetched_once_and_verified(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = fetched(FILE, cache)
    assert path.read_bytes() == BODY
    assert fetched(FILE, cache) == path
    assert CountingHandler.asked == [("HEAD", "/"), ("GET", f"/{FILE.repository}/{FILE.commit}/{FILE.path}")]
    path.write_bytes(b"damaged")
    assert fetched(FILE, cache).read_bytes() == BODY
    assert len(CountingHandler.asked) == 3
    assert read(table(), cache)["loss"].tolist() == [3.0]


@pytest.mark.usefixtures("server")
def test_other_bytes_are_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(PublishedError, match="now yields sha256") as caught:
        fetched(replace(FILE, sha256="0" * 64), tmp_path / "cache")
    assert not isinstance(caught.value, UnavailableError), "a test must fail on other bytes, not be skipped"
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.usefixtures("server")
def test_a_file_that_is_gone_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"'theirs': 127\.0\.0\.1:\d+ does not give gone\.csv \(HTTP 404\); connect, or set"):
        read(table(replace(FILE, path="gone.csv")), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.usefixtures("offline")
def test_an_unreachable_host_is_named_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"^cannot fetch the table 'chinchilla': raw\.githubusercontent\.com cannot be "
                                               r"reached \(\w+\); connect, or set STUDY_PUBLISHED to a folder that holds epoch-"):
        load("chinchilla")
    monkeypatch.setattr("requests.head", lambda *_, **__: pytest.fail("asked again"))
    with pytest.raises(UnavailableError, match="'gemstones-cooled': raw"):
        load("gemstones-cooled")


@pytest.mark.usefixtures("offline")
def test_a_host_that_says_nothing_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done, asked = threading.Event(), []

    def silent(*_: object, **__: object) -> None:
        asked.append(1)
        done.wait(60)

    monkeypatch.setattr(fetch, "PATIENCE", 0.2)
    monkeypatch.setattr("requests.head", silent)
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"no answer within 0\.2 s"):
            fetched(FILE, tmp_path)
    assert len(asked) == 1 and not done.is_set()  # nobody waited for its answer
    done.set()


@pytest.mark.usefixtures("offline")
def test_a_table_without_an_origin_comes_from_the_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"pickle alone.*to a folder that holds them__theirs/data/table\.csv"):
        read(table(None), tmp_path)
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    (tmp_path / FILE.local).parent.mkdir(parents=True)
    (tmp_path / FILE.local).write_bytes(BODY)
    assert read(table(None))["loss"].tolist() == [3.0]


def test_the_folder_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    with pytest.raises(PublishedError, match="has no them__theirs"):
        read(table())
    path = tmp_path / FILE.local
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert read(table())["loss"].tolist() == [3.0]
    path.write_bytes(BODY + b"1,2\n")
    with pytest.raises(PublishedError, match="restore the original"):
        read(table())


@pytest.mark.usefixtures("offline")
def test_a_test_is_skipped_with_the_host_or_the_folder() -> None:
    for name, missing in {"chinchilla": "raw.githubusercontent.com", "porian-fits": "derived/power_law_fits.csv"}.items():
        with pytest.raises(SKIPPED) as skipped:
            load_or_skip(name)
        assert missing in str(skipped.value) and "\n" not in str(skipped.value)


def test_a_test_fails_where_the_folder_lacks_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    for name in ("chinchilla", "porian-fits"):
        with pytest.raises(PublishedError, match="put the table there"):
            load_or_skip(name)


def test_csv_is_read_as_it_stands() -> None:
    pd.testing.assert_frame_equal(csv(BODY), pd.DataFrame({"N": [1e8], "loss": [3.0]}))
