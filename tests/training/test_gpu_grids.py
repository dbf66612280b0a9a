"""The GPU grids' path on the CPU: FineWeb-Edu's schema from a local parquet, bfloat16, micro-batches, what attention is given."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from study.data.tokens import prepare
from study.grids.design import Cell
from study.grids.gpu import lab01
from study.launch.worker import Options, train_cell
from study.training.device import autocast, fits, fitting_micro_batch
from study.training.gpt import GPT
from tests.makers import CONFIG

CPU = torch.device("cpu")


def test_a_run_of_the_lab_trains_on_a_local_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path))
    random = np.random.default_rng(0)
    words = ["the", "model", "learns", "what", "text", "there", "is", "and", "then", "more", "of", "it"]
    texts = [" ".join(random.choice(words, 120)) for _ in range(500)]
    pd.DataFrame({"text": texts, "id": [f"<urn:{i}>" for i in range(500)], "score": 3.0}).to_parquet(tmp_path / "sample.parquet")
    tokens = prepare("fineweb-edu", parquet=tmp_path / "sample.parquet", own_vocabulary=290)
    lab = lab01().cells[0].config
    config = replace(lab, vocabulary=tokens.vocabulary, width=32, layers=2, heads=2, context=64, batch_tokens=1024,
                     tokens=20 * 1024, eval_tokens=256, curve_tokens=128, compiled=False, learning_rate=0.01)
    record = train_cell(Cell(config, "check", "tuning", 1.0), Options(), tmp_path / "work", lambda: False)
    assert record.status == "complete" and record.config.precision == "bfloat16" and record.config.corpus == "fineweb-edu"
    assert record.losses["validation"].nats_per_token < math.log(tokens.vocabulary) - 1
    assert record.provenance.corpus_sha256 == tokens.sha256
    assert record.bytes_per_token is not None and record.bytes_per_token > 1


def test_attention_gets_bfloat16_under_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flash attention takes 16-bit inputs only; rotary positions are float32, so autocast must bring q and k back."""
    seen = []
    attention = F.scaled_dot_product_attention

    def spy(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **how: object) -> torch.Tensor:
        y = attention(q, k, v, **how)
        seen.append((y.dtype, how))
        return y

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    model = GPT(CONFIG)
    with autocast(CPU, "bfloat16"):
        loss = model.loss(torch.randint(0, 64, (2, 33)))
    assert seen == [(torch.bfloat16, {"is_causal": True, "scale": None})] and loss.dtype == torch.float32
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters()), "the update is in float32"


def test_on_the_cpu_the_batch_is_whole_while_it_fits() -> None:
    assert fitting_micro_batch(CONFIG, CPU) == CONFIG.batch_tokens and fits(CONFIG, CPU)
    lab = replace(lab01().cells[2].config, batch_tokens=2**23, tokens=2**23)  # over a terabyte in one pass
    micro = fitting_micro_batch(lab, CPU)
    assert micro < lab.batch_tokens and lab.batch_tokens % micro == 0
