"""Other people's run tables: named, fetched once, verified by sha256, never shipped with the project.

`STUDY_PUBLISHED` may name a folder that already holds them (<owner>__<repository>/<path>); otherwise a table with a URL
is fetched with pooch into the user's cache. Tables under derived/ were extracted from the repositories' own pickles and
notebooks: no URL yields their bytes, so they come from the folder alone.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pooch

from study.errors import StudyError

RAW = "https://raw.githubusercontent.com"


class PublishedError(StudyError):
    """A published table that cannot be had, or whose bytes are not the ones that were named."""


@dataclass(frozen=True)
class PublishedTable:
    """One table: where it is from, what its bytes hash to, and what its columns mean."""

    name: str
    repository: str  # owner/name on GitHub
    commit: str
    path: str  # below <owner>__<repository>/ in a local folder
    sha256: str
    licence: str
    citation: str
    columns: str  # with units
    url: str | None  # None: derived, from a local folder only

    @property
    def local(self) -> Path:
        """Path below the folder that STUDY_PUBLISHED names."""
        return Path(self.repository.replace("/", "__")) / self.path


_PORIAN = ("formll/resolving-scaling-law-discrepancies", "0dc60d91b8a525858a3067fc9e4a46ff5374cc6f")
_PORIAN_CITATION = "Porian et al. 2024, Resolving Discrepancies in Compute-Optimal Scaling of Language Models, arXiv 2406.19146"
_DATABLATIONS = ("huggingface/datablations", "13701315b163f1c54642b94ad237b2699187c3ee")
_DATABLATIONS_CITATION = "Muennighoff et al. 2023, Scaling Data-Constrained Language Models, arXiv 2305.16264"

TABLES = {table.name: table for table in (
    PublishedTable(
        "chinchilla", "epoch-research/analyzing-chinchilla", "92258837425e1b5f2851d624287f0120583a3d0e",
        "data/svg_extracted_data.csv", "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30",
        "none stated there; the byte-identical copy fetched here is MIT (mcleish7/gemstone-scaling-laws)",
        "Besiroglu et al. 2024, Chinchilla Scaling: A replication attempt, arXiv 2404.10102",
        "Model Size: total parameters; Training FLOP: C = 6 N D; loss: nats/token, from the colour scale; x, y, color: SVG",
        f"{RAW}/mcleish7/gemstone-scaling-laws/5f420478f6057b0cbb4d13405fb10ca64675bccb/"
        "data/epoch_chinchilla_svg_extracted_data.csv"),
    PublishedTable(
        "porian-isoflop", *_PORIAN, "derived/isoflop_points.csv",
        "af3e4a2791f4478af8c04ac1bc40a50e69d1d3066815d4ac2275b0358434bbe8", "MIT", _PORIAN_CITATION,
        "configuration; flops: isoFLOP budget; n: parameters in its counting; tokens; loss: nats/token at the budget", None),
    PublishedTable(
        "porian-optimal", *_PORIAN, "derived/optimal_pairs.csv",
        "a209eb88b14788d5f70229e960a449c7242ffda859207a4d01b673b0a4a7aaee", "MIT", _PORIAN_CITATION,
        "configuration; flops; n_opt; tokens_opt; tokens_per_param; loss_opt: nats/token; ln_n_opt_std", None),
    PublishedTable(
        "porian-fits", *_PORIAN, "derived/power_law_fits.csv",
        "a1bdcff04811beb9ddd40a6704f54cc01c9f2fd73da7abdd10137d67699f372e", "MIT", _PORIAN_CITATION,
        "configuration; n_coef, n_exponent: N* = n_coef C^n_exponent; t_*: tokens; multiplier_*: tokens a parameter", None),
    PublishedTable(
        "datablations", *_DATABLATIONS, "derived/parametric_fit_182.csv",
        "b938feff5ced1fb282b8ddb3a310e58a023e418cc634ecbb4556c189222126b4", "Apache-2.0", _DATABLATIONS_CITATION,
        "name; params; tokens: seen; unique_tokens; loss: nats/token, C4 validation; the 182 points of the paper's fit", None),
    PublishedTable(
        "datablations-all", *_DATABLATIONS, "derived/parametric_fit_all_with_seeds_296.csv",
        "694e1546f5e2d41a775e256917f12c6b63dcb1c4ef7aff5aa654b409dc41382d", "Apache-2.0", _DATABLATIONS_CITATION,
        "as datablations, with outliers and repeats", None),
    PublishedTable(
        "datablations-seeds", *_DATABLATIONS, "derived/seed_replicates.csv",
        "b98a91489c40add70a189fe43381f3e812f7bf546481c6d3d3e5dba97685ac13", "Apache-2.0", _DATABLATIONS_CITATION,
        "run; replicate; loss: nats/token", None),
)}


def published_table(name: str) -> PublishedTable:
    """The named table.

    Raises:
        PublishedError: there is none.
    """
    if name not in TABLES:
        raise PublishedError(f"unknown published table {name!r}: one of {', '.join(TABLES)}")
    return TABLES[name]


def fetch_path(table: PublishedTable, cache: Path | None = None) -> Path:
    """The verified file of a table: from $STUDY_PUBLISHED when set, else from the cache, else fetched into it once.

    Args:
        cache: where fetched tables are kept; None for $STUDY_CACHE/published, else `~/.cache/study/published` on Linux.

    Raises:
        PublishedError: absent from the folder, unreachable, or of another sha256.
    """
    folder = os.environ.get("STUDY_PUBLISHED")
    if folder:
        path = Path(folder).expanduser() / table.local
        if not path.is_file():
            raise PublishedError(f"STUDY_PUBLISHED={folder} has no {table.local}: put the table there or unset STUDY_PUBLISHED")
        if (digest := pooch.file_hash(str(path))) != table.sha256:
            raise PublishedError(f"{path} has sha256 {digest[:12]}..., not {table.sha256[:12]}...: restore the original file")
        return path
    if table.url is None:
        raise PublishedError(f"the table {table.name!r} was extracted from {table.repository} and has no URL: "
                             f"set STUDY_PUBLISHED to a folder that holds {table.local}")
    root = cache or Path(os.environ.get("STUDY_CACHE") or pooch.os_cache("study")).expanduser() / "published"
    path = root / f"{table.name}-{table.sha256[:12]}.csv"
    if path.is_file() and pooch.file_hash(str(path)) == table.sha256:
        return path
    return _download(table, table.url, path)


def fetch(name: str) -> pd.DataFrame:
    """The named table as it was published.

    Raises:
        PublishedError: see `fetch_path`.
    """
    return pd.read_csv(fetch_path(published_table(name)))


def chinchilla() -> pd.DataFrame:
    """Hoffmann et al.'s 245 runs read off their figure 4: N, D = C / 6N, C, loss, and `outlier`.

    `outlier` marks the five highest losses, which Besiroglu et al. leave out (245 - 5 = 240 points).
    """
    raw = fetch("chinchilla")
    frame = pd.DataFrame({"N": raw["Model Size"], "C": raw["Training FLOP"], "loss": raw["loss"]})
    frame.insert(1, "D", frame["C"] / (6 * frame["N"]))
    frame["outlier"] = frame["loss"].rank(ascending=False, method="first") <= 5
    return frame


def datablations() -> pd.DataFrame:
    """The 182 points of Muennighoff et al.'s fit: name, N, D (tokens seen), unique (tokens), loss."""
    return fetch("datablations").rename(columns={"params": "N", "tokens": "D", "unique_tokens": "unique"})


def porian(what: str = "isoflop") -> pd.DataFrame:
    """Porian et al.'s "isoflop" points (C, N, D, loss), "optimal" pairs or power-law "fits", with their configuration columns.

    The five steps of their figure 1 are the rows with source "summary_df" and dataset "rw", in the order of the file.
    """
    renamed = {"flops": "C", "n": "N", "tokens": "D", "n_opt": "N_opt", "tokens_opt": "D_opt"}
    return fetch(f"porian-{what}").rename(columns=renamed)


def _download(table: PublishedTable, url: str, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.get_logger().setLevel("WARNING")  # it would announce every download
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            got = Path(pooch.retrieve(url, known_hash=None, fname="table", path=scratch, progressbar=False,
                                      downloader=pooch.HTTPDownloader(timeout=30)))
            if (digest := pooch.file_hash(str(got))) != table.sha256:
                raise PublishedError(f"{url} now yields sha256 {digest[:12]}..., not {table.sha256[:12]}...: "
                                     "set STUDY_PUBLISHED to a folder that holds the original")
            got.replace(path)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; pooch's own are ValueErrors
        raise PublishedError(f"cannot fetch the table {table.name!r} from {url} ({_reason(error)}): connect, or set "
                             f"STUDY_PUBLISHED to a folder that holds {table.local}") from None
    return path


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
