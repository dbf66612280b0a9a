"""The house rules that a machine can check: sizes, the one-way flow of imports, quiet imports, the lock, no traces of a machine."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "study").rglob("*.py"))
TORCH = {"torch"}
BAYES = {"pymc", "pytensor", "nutpie", "arviz"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def inside(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def statements(tree: ast.AST, *, functions: bool) -> Iterator[ast.AST]:
    """Nodes under `tree`, without type-checking blocks and, unless asked for, without the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not functions:
            continue
        yield node
        yield from statements(node, functions=functions)


@cache
def imports(module: str, functions: bool) -> frozenset[str]:
    """Names a module imports: modules of study in full, others by their first part."""
    found = set()
    for node in statements(ast.parse(MODULES[module].read_text()), functions=functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & MODULES.keys() or {node.module}
    return frozenset(name if name in MODULES else name.split(".")[0] for name in found)


def reach(module: str, functions: bool = True) -> set[str]:
    """Everything a module may load through study's own modules."""
    seen, waiting = set(), [module]
    while waiting:
        for name in imports(waiting.pop(), functions) - seen:
            seen.add(name)
            if name in MODULES:
                waiting.append(name)
    return seen


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:  # a source archive: no git, so everything that is not made by a build
        return [path for path in ROOT.rglob("*") if path.is_file() and not {"build", "_site", ".venv"} & set(path.parts)]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def prose() -> list[Path]:
    """Tracked text a person writes: not records, not the lock."""
    suffixes = {".py", ".md", ".qmd", ".yml", ".toml", ".lua", ".css", ".typ", ".js", ".html", ".bib", ".cff", ".txt", ""}
    records = ROOT / "runs"
    return [path for path in tracked() if path.suffix in suffixes and path.name != "LICENSE"
            and (records not in path.parents or path.suffix == ".md")]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_torch_lives_above_the_waist() -> None:
    direct = {module for module in MODULES if imports(module, True) & TORCH}
    assert direct, "the scan finds no import of torch at all"
    allowed = ("study.training", "study.launch", "study.bench", "study.kit", "study.commands")
    assert [m for m in direct if not inside(m, *allowed)] == []


def test_statistics_live_below_the_waist() -> None:
    direct = {module for module in MODULES if imports(module, True) & BAYES}
    assert direct, "the scan finds no import of PyMC at all"
    assert [m for m in direct if not inside(m, "study.inference", "study.analysis", "study.bench", "study.commands")] == []


WAIST = ("study.config", "study.counts", "study.grids", "study.record", "study.table", "study.laws", "study.verify",
         "study.errors", "study.provenance")
BELOW = ("study.inference", "study.fit", "study.analysis", "study.articles", "study.atlas", "study.render", "study.published")
ABOVE = ("study.data", "study.training", "study.launch", "study.kit")


@pytest.mark.parametrize("module", [m for m in MODULES if inside(m, *WAIST)])
def test_the_waist_reaches_neither_half(module: str) -> None:
    assert not reach(module) & (TORCH | BAYES)


@pytest.mark.parametrize("module", [m for m in MODULES if inside(m, *BELOW)])
def test_statistics_and_report_never_reach_torch(module: str) -> None:
    assert not reach(module) & TORCH


@pytest.mark.parametrize("module", [m for m in MODULES if inside(m, *ABOVE)])
def test_training_never_reaches_statistics(module: str) -> None:
    assert not reach(module) & BAYES


def test_imports_have_no_cycle() -> None:
    assert [module for module in MODULES if module in reach(module, functions=False)] == []


def test_nothing_but_the_command_line_imports_commands() -> None:
    users = [m for m in MODULES if not inside(m, "study.cli", "study.commands")
             and any(inside(name, "study.cli", "study.commands") for name in imports(m, True))]
    assert users == []


def from_here(tree: ast.AST) -> Iterator[str]:
    """Where code reads the working directory: it asks for it, or a relative path stands in for one that was not given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Path.cwd", "os.getcwd"):
            yield ast.unparse(node)
        fallbacks: list[ast.expr | None] = []
        if isinstance(node, ast.BoolOp | ast.IfExp):
            fallbacks = [*ast.iter_child_nodes(node)]  # type: ignore[list-item]
        elif isinstance(node, ast.arguments):
            fallbacks = [*node.defaults, *node.kw_defaults]
        elif isinstance(node, ast.AnnAssign):
            fallbacks = [node.value]
        for one in fallbacks:
            calls = [call for call in ast.walk(one) if isinstance(call, ast.Call)] if one is not None else []
            yield from (ast.unparse(call) for call in calls if ast.unparse(call.func) == "Path"
                        and (not call.args or re.match("'[^/]", ast.unparse(call.args[0]))))


def test_no_function_falls_back_on_the_working_directory() -> None:
    """Commands do, as their help says, and study.fit for what it writes: build/fit/NAME."""
    found = {module for module in MODULES if [*from_here(ast.parse(MODULES[module].read_text()))]}
    assert {module for module in found if not inside(module, "study.commands")} == {"study.fit.job"}
    assert "study.commands.render" in found
    for code in ('def f(x=Path("runs")): ...', 'y = x or Path("runs")', 'y = Path(environ.get("X") or Path()) if a else b',
                 "class A:\n    x: Path = Path()"):
        assert [*from_here(ast.parse(code))], code


def test_importing_leaves_no_trace(tmp_path: Path) -> None:
    """Every module, in a fresh interpreter: nothing printed, nothing written, no environment, seed or signal changed."""
    code = """
import importlib, os, random, signal, sys
import numpy as np
import arviz, matplotlib, pymc, torch  # what these set up themselves is not ours
def state():
    return (dict(os.environ), random.getstate(), repr(np.random.get_state()), torch.initial_seed(), torch.get_num_threads(),
            signal.getsignal(signal.SIGTERM), dict(matplotlib.rcParams), os.getcwd(), sys.path)
before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert state() == before, name
"""
    environment = {**os.environ, "STUDY_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *MODULES], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    heavy = {"torch", "pymc", "arviz", "scipy", "matplotlib", "tokenizers", "datasets"}
    code = f"import sys, study.cli; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert done.stdout.strip() == ""


PLAIN = {"NamedTuple", "Protocol", "nn.Module", "torch.optim.Optimizer", "Exception"}
MUTABLE = {"study.training.progress.State"}  # what a checkpoint holds, changed at every step


@pytest.mark.parametrize("module", MODULES)
def test_classes_are_frozen_and_flat(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            assert all(base in PLAIN or base.endswith(("Error", "Warning")) for base in bases), f"{node.name} inherits from {bases}"
            made = [ast.unparse(decorator) for decorator in node.decorator_list if "dataclass" in ast.unparse(decorator)]
            assert all("frozen=True" in each for each in made) or f"{module}.{node.name}" in MUTABLE, f"{node.name} is not frozen"


@pytest.mark.parametrize("module", MODULES)
def test_public_names_have_docstrings(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    silent = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
              and not node.name.startswith("_") and not ast.get_docstring(node)]
    assert silent == []
    assert ast.get_docstring(tree) or not tree.body, f"{module} does not say what it is"


# spelled in halves, so that this file does not hold them
TRACES = {
    "a path of one machine": r"(?<![\w.{}~])/(?:wor" + r"k|ro" + r"ot|ho" + r"me|Us" + r"ers|t" + r"mp)/",
    "an unfinished mark": r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b",
    "a skipped test": r"mark\.(?:sk" + r"ip|xf" + r"ail)|pytest\.(?:sk" + r"ip|xf" + r"ail)|import" + r"orskip",
    "an emoji": "[\U0001f300-\U0001faff\u2705\u274c\u2728]",
    "a folder beside the project": r"\bshared" + r"/",
}


@pytest.mark.parametrize("what", TRACES)
def test_no_trace_of(what: str) -> None:
    pattern = re.compile(TRACES[what])
    allowed = {"a folder beside the project": ROOT / ".ci" / "run", "an emoji": ROOT / "tests" / "data",
               "a skipped test": ROOT / "tests" / "conftest.py"}.get(what)  # there: where a published table cannot be had
    found = [f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}" for path in prose() if allowed not in (path, *path.parents)
             for number, line in enumerate(path.read_text().splitlines(), 1) if pattern.search(line)]
    assert found == []


def test_no_tracked_file_is_large() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > 4 * 2**20] == []


def test_the_lock_pins_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")]
    pins = {}
    for line in lines:
        pin = Requirement(line)
        (only,) = pin.specifier
        assert only.operator == "==", line
        assert "+" not in only.version, f"{line}: a local tag pins one build"
        pins[canonical(pin.name)] = only.version
    optional = project["project"]["optional-dependencies"]
    for wanted in map(Requirement, [*project["build-system"]["requires"], *project["project"]["dependencies"], *optional["train"],
                                 *optional["dev"]]):
        assert wanted.specifier.contains(pins[canonical(wanted.name)]), wanted
    assert not pins.keys() & {canonical(Requirement(extra).name) for name in ("cluster", "track") for extra in optional[name]}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_data_files_are_packaged() -> None:
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["study"]
    data = [path.relative_to(ROOT / "study").as_posix() for path in tracked()
            if ROOT / "study" in path.parents and path.suffix != ".py"]
    assert [name for name in data if not any(fnmatch(name, pattern) for pattern in globs)] == []


def test_tests_that_share_a_fixture_run_in_one_process(request: pytest.FixtureRequest) -> None:
    several = "PYTEST_XDIST_WORKER" in os.environ
    assert request.node.nodeid.endswith("@tests/test_house.py") == several, "pytest-xdist misses the groups of conftest.py"
