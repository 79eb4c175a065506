# `make help` lists all targets. Commands run in .venv, which is created first, and updated when the lock file changes.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

SECONDS := 600
SEED := 1

.DEFAULT_GOAL := help
# Python keeps what it compiled, wherever it is told not to: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo test test-slow test-pythons check coverage docs llms protocol-tests settings-table source-tables sync-client dist image screenshots bench bench-read bench-serve bench-people bench-ingest bench-overload bench-sync chaos test-scale format setup lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## start a platform, share sample data with an app, read it with the SDK
	@$(BIN)/python -m examples.demo

test: check ## check, then run all tests except slow ones
	@scripts/setup browser
	@scripts/setup proxies $(VENV)/proxies
	$(BIN)/pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder  # three, since tests wait for their servers; the short files last

test-slow: $(READY) ## run the tests that take long: large files, crashes, each language, each example
	@scripts/setup browser
	$(BIN)/pytest -m slow --hypothesis-profile explore

check: $(READY) ## check formatting, lint, types, imports, generated files, container files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/sync_client.py --check
	$(BIN)/python scripts/llms.py --check
	$(BIN)/python scripts/protocol_tests.py --check
	$(BIN)/python scripts/settings_table.py --check
	$(BIN)/python scripts/source_tables.py --check
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml deploy/compose.yaml

coverage: $(READY) ## run the tests of `make test`, and print the coverage of statements and branches by folder
	@scripts/setup browser
	@scripts/setup proxies $(VENV)/proxies
	@rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder -q $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet
	@$(BIN)/coverage json --quiet
	@$(BIN)/python scripts/coverage_by_folder.py

docs: $(READY) ## build the documentation site in build/docs; warnings and broken links are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir build/docs-doctrees docs build/docs
	@echo "the site is at build/docs/index.html"

screenshots: $(READY) ## take screenshots of all pages (light, dark, phone; with Arabic) in build/screenshots
	@scripts/setup browser
	$(BIN)/python scripts/screenshots.py

llms: $(READY) ## update llms.txt and llms-full.txt from the documents
	$(BIN)/python scripts/llms.py

protocol-tests: $(READY) ## write docs/protocol-tests.md anew: the sections of the protocol, and the tests of each
	$(BIN)/python scripts/protocol_tests.py

settings-table: $(READY) ## write the table of settings in docs/deploy.md anew
	$(BIN)/python scripts/settings_table.py

source-tables: $(READY) ## write the tables of sources and object types in the documents anew
	$(BIN)/python scripts/source_tables.py

sync-client: $(READY) ## write the blocking client anew from the asyncio client
	$(BIN)/python scripts/sync_client.py

dist: $(READY) ## build wheel and sdist reproducibly in dist, check them, and test them in empty environments
	@scripts/dist

test-pythons: dist ## run the SDK's tests with the wheel on every installed Python version
	@scripts/test-pythons

image: ## build the container image with podman or docker, and test it
	@scripts/image

bench-read: $(READY) ## measure how fast many files are read, in comparison with the limits of the machine
	$(BIN)/python benchmarks/read.py

bench-serve: $(READY) ## measure the CPU time of the platform for each call, and how fast an app reads and pushes
	$(BIN)/python -m benchmarks.serve

bench-people: $(READY) ## measure the calls with a million people in the database; PEOPLE=N for another number
	$(BIN)/python -m benchmarks.many_people $(if $(PEOPLE),--people $(PEOPLE))

bench-overload: $(READY) ## send four times as many calls as the platform can answer, for a minute
	$(BIN)/python -m benchmarks.overload

chaos: $(READY) ## kill, pause and overload a platform under load, for SECONDS from SEED, and check that no promise was broken
	@scripts/setup proxies $(VENV)/proxies pgbouncer libfaketime
	$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED)

test-scale: $(READY) ## do so with HAProxy, five servers, and PostgreSQL with a replica that takes over
	@scripts/setup proxies $(VENV)/proxies pgbouncer haproxy
	$(BIN)/python -m tests.chaos --many-machines --seconds $(SECONDS) --seed $(SEED)

bench-ingest: $(READY) ## measure the import of 300,000 plays, stage by stage; PLAYS=N for another number
	$(BIN)/python -m benchmarks.ingest $(if $(PLAYS),--plays $(PLAYS))

bench-sync: $(READY) ## measure the import of 1,000,000 plays and 1 GB of Apple Health; PLAYS=N HEALTH=MB for other sizes
	$(BIN)/python -m benchmarks.ingest --health $(or $(HEALTH),1024) $(if $(PLAYS),--plays $(PLAYS))

bench: bench-read bench-serve bench-ingest ## run all benchmarks
	$(BIN)/python benchmarks/discovery.py
	$(BIN)/python benchmarks/sealing.py
	$(BIN)/python -m benchmarks.push
	$(BIN)/python benchmarks/tables.py

format: $(READY) ## format the code, and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(READY) ## create .venv with the versions in requirements.lock

lock: $(READY) ## update requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --override tests/hospital/overrides.txt \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

$(READY): requirements.lock pyproject.toml scripts/setup
	@scripts/setup python $(VENV)
	@touch $@
