"""What the tests of the corpora share: wheels made on the spot, made-up prose, and reading a stream back."""

import hashlib
import random
import zipfile
from pathlib import Path

import numpy as np

from study.data.stream import TokenSet
from study.data.tokenizer import load_tokenizer


def make_wheel(directory: Path, name: str, members: dict[str, str | bytes]) -> Path:
    """A py3-none-any wheel with these members, enough for pip to download it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def pin(requirements: Path, wheel: Path) -> Path:
    """A requirements file that pins one wheel by its sha256."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(f"# pinned\n{name}=={version} --hash=sha256:{digest}\n")
    return requirements


def prose(seed: int, words: int = 300) -> str:
    """A document of made-up words, the same for the same seed."""
    source = random.Random(seed)
    stems = ["".join(source.choices("aeioulmnrst", k=source.randint(2, 7))) for _ in range(60)]
    return f"document {seed}\n" + " ".join(source.choices(stems, k=words)) + "\n"


def documents_of(stream: np.ndarray, end: int) -> list[np.ndarray]:
    """The stream cut after each end-of-text token."""
    return np.split(stream, np.flatnonzero(stream == end) + 1)[:-1]


def decoded(tokens: TokenSet, stream: np.ndarray) -> list[str]:
    tokenizer = load_tokenizer(tokens.directory / "tokenizer.json")
    return [tokenizer.decode(ids[:-1].tolist()) for ids in documents_of(stream, tokens.vocabulary - 1)]
