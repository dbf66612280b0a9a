# Each target first makes .venv from requirements.lock, where it is missing or the lock has changed. Needs python3 >= 3.11 and make.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXTRAS := .venv-extras
PYTHON ?= python3
# tests in two processes: tests/conftest.py says which stay together
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 20
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help reproduce report publish release-check archive readme test test-all test-extras lint lock clean
.DEFAULT_GOAL := help

help:
	@echo "make reproduce     train the quick grid, compare it with the committed records, fit, render: build/reproduce/"
	@echo "make report        render the articles from the committed records: _site/report/"
	@echo "make publish       render the articles and keep them as the published edition: report/published/"
	@echo "make release-check is the published edition of these sources and records?"
	@echo "make archive       pack the commit with its edition and their sha256, to deposit: build/archive/"
	@echo "make readme        write the answer of README.md from the committed records"
	@echo "make test          the fast tests, in minutes"
	@echo "make test-all      lint, the fast tests, then the slow ones"
	@echo "make test-extras   the tests of what needs an extra: Ray, MLflow, transformers"
	@echo "make lint          ruff, mypy, panache"
	@echo "make clean         delete build/, _site/, .venv/ and .venv-extras/ (records are kept)"

reproduce: $(INSTALLED)
	$(BIN)/study reproduce --grid quick

report: $(INSTALLED)
	$(BIN)/study render

# commit the edition alone: its manifest names the commit that it was rendered from
publish: report
	$(BIN)/study publish

# not part of the tests: a commit to the sources makes the edition stale, and only a release needs a fresh one
release-check: $(INSTALLED)
	$(BIN)/study publish --check

archive: $(INSTALLED)
	$(BIN)/study archive

# the answer and the picture of README.md, from the committed records
readme: $(INSTALLED)
	$(BIN)/study readme $(if $(GRID),--grid $(GRID))

test: $(INSTALLED)
	$(PYTEST) -m "not slow"

# tests/conftest.py runs the slow ones last
test-all: lint
	$(PYTEST)

# what needs an extra, in an environment of its own, so that .venv proves that nothing else does
test-extras: $(EXTRAS)/.installed
	STUDY_TEST_EXTRAS=1 $(EXTRAS)/bin/python -m pytest tests/launch/test_ray.py tests/launch/test_track.py \
		tests/bench/test_train_peer.py tests/bench/test_launch_overhead.py

lint: $(INSTALLED)
	$(BIN)/ruff check study tests
	$(BIN)/mypy
	$(BIN)/panache lint report/*.qmd report/*/*.qmd

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing requirements.lock into $(VENV)"
	@$(BIN)/python -m pip install --quiet -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# its packages come first on the path, then those of .venv
$(EXTRAS)/.installed: requirements-extras.lock $(INSTALLED)
	@test -x $(EXTRAS)/bin/python || { echo "making $(EXTRAS)"; $(PYTHON) -m venv $(EXTRAS); }
	@echo "installing requirements-extras.lock into $(EXTRAS)"
	@$(EXTRAS)/bin/python -m pip install --quiet --no-deps -r requirements-extras.lock
	@echo "import site; site.addsitedir('$(abspath $(VENV))/lib/python$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')/site-packages')" \
		> $$($(EXTRAS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth
	@touch $@

# after `pip install` of something new: torch's local tag (+cpu) is dropped, so that the lock holds for every build of it
lock:
	@{ grep '^#' requirements.lock; $(BIN)/python -m pip freeze --all --exclude-editable \
		| grep -vE '^(pip|wheel)==|^#' | sed 's/+cpu$$//'; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

clean:
	rm -rf build _site $(VENV) $(EXTRAS)
