"""The hub's path, offline: a local parquet file of the same schema, and what is said when the hub is out of reach."""

from pathlib import Path

import pandas as pd
import pytest
from tiny_corpus import decoded, prose

from study.data.corpora import CorpusError
from study.data.hub import HubSource, hub_texts
from study.data.tokenizer import gpt2_tokenizer, train_tokenizer
from study.data.tokens import prepare
from study.errors import StudyError


@pytest.fixture
def parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """600 rows with FineWeb-Edu's columns; `datasets` keeps its cache in the test's folder."""
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "sample.parquet"
    texts = [prose(i, words=40) for i in range(600)]
    pd.DataFrame({"text": texts, "id": [f"<urn:{i}>" for i in range(600)], "token_count": [len(t) // 4 for t in texts],
                  "score": 3.0}).to_parquet(path)
    return path


def test_a_local_parquet_stands_in_for_the_hub(parquet: Path):
    tokens = prepare("fineweb-edu", parquet=parquet, own_vocabulary=400)
    assert tokens.vocabulary == 400 and tokens.train.max() == 399
    texts = [prose(i, words=40) for i in range(600)]
    train, validation = decoded(tokens, tokens.train), decoded(tokens, tokens.validation)
    assert sorted(train + validation) == sorted(texts)
    assert train == [text for text in texts if text in set(train)]  # the data set's order
    assert tokens.manifest["options"]["own_vocabulary"] == 400
    assert prepare("fineweb-edu").sha256 == tokens.sha256  # opens what was built
    with pytest.raises(CorpusError, match="other options"):
        prepare("fineweb-edu", parquet=parquet, own_vocabulary=500)


def test_the_limit_stops_the_train_stream(parquet: Path):
    tokens = prepare("fineweb-edu", parquet=parquet, own_vocabulary=400, max_tokens=20_000)
    longest = max(len(text.encode()) for text in (prose(i, words=40) for i in range(600)))
    assert 20_000 <= len(tokens.train) <= 20_000 + longest


@pytest.mark.parametrize("limit", [0, -5])
def test_an_impossible_limit_is_refused(parquet: Path, limit: int):
    with pytest.raises(CorpusError, match="must be positive"):
        prepare("fineweb-edu", parquet=parquet, own_vocabulary=400, max_tokens=limit)


def test_bad_files_are_one_clear_line(tmp_path: Path):
    source = HubSource("some/where", None)
    with pytest.raises(CorpusError, match="there is no file"):
        prepare("fineweb-edu", cache=tmp_path, parquet=tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(StudyError, match="column `text`"):
        list(hub_texts(source, tmp_path / "text.parquet"))
    pd.DataFrame({"body": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(StudyError, match="no column 'text'"):
        list(hub_texts(source, tmp_path / "other.parquet"))


def test_named_files_are_read_in_place_of_the_repository(parquet: Path):
    rows = hub_texts(HubSource("no/such-repository", None, files=str(parquet)), None)
    assert list(rows) == [prose(i, words=40) for i in range(600)]


def test_wikitext_lines_become_articles(tmp_path: Path):
    rows = ["", " = First = \n", "", " a line \n", " = = Section = = \n", " more \n", " = Second = \n", " text \n"]
    pd.DataFrame({"text": rows}).to_parquet(tmp_path / "wiki.parquet")
    got = list(hub_texts(HubSource("x", None, articles=True), tmp_path / "wiki.parquet"))
    assert got == [" = First = \n a line \n = = Section = = \n more \n", " = Second = \n text \n"]


def test_gpt2_out_of_reach_says_what_to_do(parquet: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no route to the hub")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(StudyError, match=r"no route to the hub.*--train-tokenizer"):
        prepare("fineweb-edu", parquet=parquet)


def test_another_tokenizer_is_not_taken_for_gpt2s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    train_tokenizer(iter([prose(1)]), 300).save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: str(tmp_path / "tokenizer.json"))
    with pytest.raises(StudyError, match="did not give GPT-2's tokenizer"):
        gpt2_tokenizer()
