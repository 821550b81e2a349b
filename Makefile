PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## this text
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/ready ## set up .venv with everything that a run needs

run: install ## simulate, generate, score, curate, export, report: make run ARGS="run=mine seed=7 clips=4"
	$(BIN)/python -m pipeline $(ARGS)

test: $(VENV)/ready-dev ## set up and pass all tests
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/ready-dev ## formatting, style, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install ## timed comparisons, and how exact the layers are
	$(BIN)/python benchmarks/media.py
	$(BIN)/python benchmarks/walk.py
	$(BIN)/python benchmarks/layers.py

clean: ## remove .venv and all runs
	rm -rf $(VENV) && find outputs -mindepth 1 -not -path outputs/README.md -delete

$(VENV)/ready: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .[dev]
	touch $@

.PHONY: help install run test lint bench clean
.DEFAULT_GOAL := help
