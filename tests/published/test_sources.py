"""Every source: pinned, and parsed right from a small file of its schema; then, where the tables can be had, the real rows."""

import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import study.published
from study.published import chinchilla, datablations, gemstones, porian, published_table, tables, takano
from study.published.fetch import PublishedError
from tests.conftest import Load

NOT_SOURCES = ("__init__", "fetch", "entry")
MODULES = sorted(path.stem for path in Path(study.published.__file__).parent.glob("*.py") if path.stem not in NOT_SOURCES)


def test_every_module_names_its_tables() -> None:
    defined = [table.name for name in MODULES for table in import_module(f"study.published.{name}").TABLES]
    assert defined == list(tables()) and len(set(defined)) == len(defined) >= 9


@pytest.mark.parametrize("name", tables())
def test_every_table_is_pinned_and_explained(name: str) -> None:
    table = published_table(name)
    for file in (table.folder, table.origin):
        if file is not None:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256) and re.fullmatch(r"[0-9a-f]{40}", file.commit)
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", file.repository)
    if table.origin is not None:
        assert not table.origin.path.startswith("derived/")
        assert Path(table.origin.path).suffix in {".csv", ".ipynb", ".json", ".jsonl"}
        assert table.origin.url.split("/")[5] == table.origin.commit
    for text in (table.licence, table.citation, table.columns, table.N_counts, table.loss_unit, table.corpus, table.recipe):
        assert text and "\n" not in text
    assert table.vocabulary > 0


def test_no_pickle_is_loaded() -> None:
    loader = re.compile(r"import (?:pickle|dill|joblib)|read_pickle|Unpickler|allow_pickle")
    folder = Path(study.published.__file__).parent
    assert [path.name for path in folder.glob("*.py") if loader.search(path.read_text())] == []


def test_unknown_table() -> None:
    with pytest.raises(PublishedError, match="unknown published table 'nothing': one of chinchilla"):
        published_table("nothing")


def test_chinchilla_marks_the_five_highest_losses() -> None:
    losses = [2.5, 5.0, 2.4, 4.0, 3.9, 3.5, 3.0]
    content = "x,Model Size,Training FLOP,loss\n" + "".join(f"0,{1e8 * (k + 1)},{1e19},{loss}\n" for k, loss in enumerate(losses))
    frame = chinchilla.parse(content.encode())
    assert list(frame.columns) == ["N", "D", "C", "loss", "outlier"]
    assert frame.loc[~frame["outlier"], "loss"].tolist() == [2.5, 2.4]
    np.testing.assert_allclose(frame["D"], 1e19 / 6e8 / np.arange(1, 8), rtol=1e-12)


def test_porian_takes_the_common_names() -> None:
    points = porian.parse(b"source,dataset,flops,n,tokens,loss\nsummary_df,rw,1e16,3e5,5e9,4.7\n")
    assert points.loc[0, ["C", "N", "D", "loss"]].tolist() == [1e16, 3e5, 5e9, 4.7]
    pairs = porian.parse(b"source,flops,n_opt,tokens_opt,ln_n_opt_std\nsummary_df,1e16,1e6,2e9,0.2\n")
    assert list(pairs.columns) == ["source", "C", "N_opt", "D_opt", "ln_n_opt_std"]


def notebook() -> bytes:
    """27 cells, of which three have the schema of the published notebook."""
    def cell(source: str = "", *outputs: dict[str, object]) -> dict[str, object]:
        return {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": list(outputs)}

    def stream(text: str) -> dict[str, object]:
        return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}

    losses = """NAMES_TO_VAL_LOSSES = {
    "2b9bseed1": 2.5,  # a remark
    # "2b9bseed3": 9.0,
    "2b9bc4seed2": 2.6,
    "2b9b": 2.7,
}
MAP = {"2b": 2}
"""
    cells = [cell() for _ in range(27)]
    cells[1] = cell(losses)
    cells[2] = cell("", stream("1b25\n2b9b 2.81e9 5e10 9e9 2.7\n"), {"output_type": "display_data", "data": {}})
    cells[26] = cell("", stream("2b9b 4.2465 55.0 "), stream("9.5 2.6\nsmall 0.007098752 0.1 0.1 8.1\n"))
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


def test_datablations_are_read_from_the_notebook_s_cells() -> None:
    fitted = datablations.printed(notebook(), datablations.FITTED, datablations.BILLION)
    expected = pd.DataFrame({"run": ["2b9b", "small"], "N": [4_246_500_000.0, 7_098_752.0], "D": [55e9, 1e8],
                             "unique": [9.5e9, 1e8], "loss": [2.6, 8.1]})
    pd.testing.assert_frame_equal(fitted, expected, check_exact=True)
    every = datablations.printed(notebook(), datablations.EVERY, 1.0)
    assert every.to_numpy().tolist() == [["2b9b", 2.81e9, 5e10, 9e9, 2.7]]
    extracted = b"name,params,tokens,unique_tokens,loss\n2b9b,4246500000.0,55e9,9.5e9,2.6\nsmall,7098752.0,1e8,1e8,8.1\n"
    pd.testing.assert_frame_equal(datablations.extracted(extracted), expected, check_exact=True)


def test_replicates_are_the_entries_named_after_a_seed() -> None:
    frame = datablations.replicates(notebook())
    assert frame.to_numpy().tolist() == [["2b9b", "seed1", 2.5], ["2b9bc4", "seed2", 2.6]]
    assert list(frame.columns) == ["run", "replicate", "loss"]


def test_gemstones_are_one_object_a_line() -> None:
    line = {"run_name": "a", "params_active_precise": 100, "width": 256, "depth": 3, "tokens": 1000, "step": 5, "num_nodes": 1,
            "seconds_per_step": 1.0, "final_loss": 3.5}
    frame = gemstones.parse("".join(json.dumps({**line, "tokens": tokens}) + "\n" for tokens in (1000, 2000)).encode())
    assert frame.to_dict("list") == {"run": ["a", "a"], "N": [100.0] * 2, "D": [1000.0, 2000.0], "loss": [3.5] * 2,
                                     "width": [256] * 2, "depth": [3] * 2, "step": [5] * 2}


def test_takano_s_counts_do_not_overflow() -> None:
    frame = takano.parse(b"C,N,D,loss\n1.2e22,16000000000,125000000000,2.1\n")
    assert float((6 * frame["N"] * frame["D"])[0]) == pytest.approx(1.2e22, rel=1e-12)


def test_the_rows_of_chinchilla_s_points(published: Load) -> None:
    frame = published("chinchilla")
    assert len(frame) == 245 and list(np.flatnonzero(frame["outlier"])) == [0, 1, 2, 3, 4]
    assert frame.loc[frame["outlier"], "loss"].min() > frame.loc[~frame["outlier"], "loss"].max()
    np.testing.assert_allclose(6 * frame["N"] * frame["D"], frame["C"], rtol=1e-12)


def test_the_rows_of_datablations(published: Load) -> None:
    fitted, every, seeds = (published(f"datablations{suffix}") for suffix in ("", "-all", "-seeds"))
    assert (len(fitted), len(every), len(seeds)) == (182, 296, 64)
    assert (fitted["unique"] <= fitted["D"]).all() and fitted["run"].is_unique and not every["run"].is_unique
    assert (seeds.groupby("replicate").size() == 16).all() and set(seeds["loss"]) <= set(every["loss"])


def test_the_exponents_of_porian_s_steps(published: Load) -> None:
    fits = published("porian-fits")
    steps = fits[(fits["source"] == "summary_df") & (fits["dataset"] == "rw")]
    np.testing.assert_allclose(steps["weighted.n_exponent"].head(5), [0.835, 0.706, 0.602, 0.571, 0.497], atol=5e-4)
    pairs, points = published("porian-optimal"), published("porian-isoflop")
    assert {"C", "N_opt", "D_opt", "ln_n_opt_std"} <= set(pairs.columns) and {"C", "N", "D", "loss"} <= set(points.columns)
    assert set(pairs["C"]) <= set(points["C"])


def test_the_rows_of_gemstones(published: Load) -> None:
    frame = published("gemstones-cooled")
    assert len(frame) == 199 and frame["run"].nunique() == 20
    untied = 2 * 50_304 * frame["width"]  # both embeddings are counted
    assert (frame["N"] > untied).all() and (frame["loss"].between(2, 4)).all()


def test_the_rows_of_takano_s_reading(published: Load) -> None:
    frame = published("chinchilla-takano")
    assert len(frame) == 234 and (frame["N"] < frame["D"]).all() and (frame["C"] > 1e18).all()
    np.testing.assert_allclose(6 * frame["N"] * frame["D"], frame["C"], rtol=1e-7)
