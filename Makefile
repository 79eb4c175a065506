# `make help` tells what there is. Everything runs in .venv, which is made first, and again when the lock changes.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check bench bench-read format setup lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## start a platform, share sample data with an app, read it with the SDK
	@$(BIN)/python -m examples.demo

test: check ## check, then run all tests but the slow ones
	@scripts/setup browser
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder  # the many short ones last: both end together

test-slow: $(READY) ## the tests that take minutes
	@scripts/setup browser
	$(BIN)/pytest -m slow

check: $(READY) ## formatting, lint, types, and which module may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-read: $(READY) ## how fast many files are read, next to what the machine can do
	$(BIN)/python benchmarks/read.py

bench: bench-read ## all benchmarks: each prints a ratio against a peer or a limit
	$(BIN)/python benchmarks/discovery.py
	$(BIN)/python benchmarks/sealing.py
	$(BIN)/python -m benchmarks.push

format: $(READY) ## format the code, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(READY) ## make .venv with exactly what requirements.lock names

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --override tests/hospital/overrides.txt \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

$(READY): requirements.lock pyproject.toml scripts/setup
	@scripts/setup python $(VENV)
	@touch $@
