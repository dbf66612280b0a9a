"""A token set small enough to train on in a second."""

from pathlib import Path

import numpy as np
import pytest
import torch

from study.data.stream import TokenSet
from tests.makers import token_stream


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokens() -> TokenSet:
    """20,000 train and 4,000 validation tokens over a vocabulary of 64."""
    groups = np.repeat(np.arange(40, dtype=np.uint8), 100)
    return TokenSet(name="sotu", directory=Path(), vocabulary=64, bytes_per_token=2.0, validation_bytes_per_token=2.0, sha256="abc",
                    train=token_stream(20_000, 64, 0), validation=token_stream(4_000, 64, 1), train_groups=groups,
                    validation_groups=groups)
