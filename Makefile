# Two commands do the main jobs on a fresh machine: `make demo` and `make test`.
# Everything lands in .venv, node_modules and segue-data of this folder; `make clean` removes it.
PYTHON ?= python3
BIN := .venv/bin
SOAK_KILLS ?= 1000
SOAK_SEEDS ?= 10000-15000
# bytecode of what every command loads, so that starts are quick even where Python may not write it
COMPILE := $(BIN)/python -m compileall -q src/segue $(addprefix .venv/lib/python*/site-packages/,click msgspec orjson apsw uvicorn httptools anyio rich typer aiohttp yaml) || true
COMPILE_TESTS := $(BIN)/python -m compileall -q -j 2 $(addprefix .venv/lib/python*/site-packages/,_pytest xdist execnet hypothesis schemathesis jsonschema_rs requests fastapi starlette pydantic pydantic_settings prometheus_client structlog playwright) || true
# what was compiled once, the assertions of the tests above all, is kept for the next process that needs it
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup setup-test demo run test soak lint format bench plugins lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .make/run .make/sdk ## create .venv with the pinned dependencies; quick when nothing changed

setup-test: .make/venv
	@$(MAKE) --silent --no-print-directory -j7 .make/dev .make/node .make/plugin .make/apt .make/peer .make/mobile .make/kotlin
	@$(MAKE) --silent --no-print-directory .make/sdk

.make/venv: requirements/uv.txt scripts/venv.sh
	@scripts/venv.sh $(PYTHON)
	@mkdir -p .make && touch $@

.make/run: .make/venv requirements/run.txt pyproject.toml
	@if [ -e .make/dev ]; then echo "setup: test dependencies changed, run make test"; else $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/run.txt; fi
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

.make/dev: .make/venv requirements/dev.txt pyproject.toml
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@$(COMPILE_TESTS)
	@touch $@ .make/run

.make/sdk: .make/run src/segue/runtime/packages.py
	@$(BIN)/segue sdk fetch >/dev/null || echo "setup: the above only keeps pages from loading analytics.js from here; all else works"
	@touch $@

# a public client the sandbox is judged by, apart: its pins are older than what we run on
.make/peer: .make/venv tests/sandbox/peer/requirements.txt
	@rm -rf .make/braze-client
	@$(BIN)/uv pip install --quiet --require-hashes --no-deps --target .make/braze-client -r tests/sandbox/peer/requirements.txt
	@touch $@

.make/node: tests/node/package-lock.json
	@cd tests/node && npm ci --silent --no-audit --no-fund
	@mkdir -p .make && touch $@

.make/plugin: plugin/package-lock.json plugin/package.json plugin/.npmrc
	@cd plugin && npm ci --silent --no-audit --no-fund --ignore-scripts
	@mkdir -p .make && touch $@

.make/bench-node: bench/node/package-lock.json bench/node/package.json bench/node/.npmrc
	@cd bench/node && npm ci --silent --no-audit --no-fund --ignore-scripts
	@mkdir -p .make && touch $@

.make/apt: scripts/apt.sh
	@scripts/apt.sh
	@mkdir -p .make && touch $@

.make/mobile: tests/mobile/react_native/package-lock.json tests/mobile/react_native/.npmrc
	@cd tests/mobile/react_native && npm ci --silent
	@mkdir -p .make && touch $@

.make/kotlin: .make/apt scripts/kotlin.sh $(shell find tests/mobile/kotlin -name '*.java' -not -path '*/build/*') $(wildcard tests/mobile/kotlin/*.xml tests/mobile/kotlin/*.sha256)
	@scripts/kotlin.sh
	@mkdir -p .make && if [ -d tests/mobile/kotlin/build/classes ]; then touch $@; fi

demo: setup ## a day of traffic through the real SDK into the sandbox, and what became of it
	@$(BIN)/segue demo

run: setup ## the pipeline with the embedded log; prints the addresses and an SDK snippet
	@[ -e segue.yaml ] || $(BIN)/segue init
	@$(BIN)/segue run

# the tests' folders lie in memory where there is plenty: a test waits for the machine, not for its disk
MEMORY = $(shell grep -q '^[^ ]* /dev/shm [^ ]* [^ ]*noexec' /proc/mounts || df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')

test: setup-test ## everything the tests need, then the whole suite
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(BIN)/pytest -n 2 $(PYTEST_ARGS)

lint: .make/dev ## format check, lint, types, floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

soak: setup-test ## a thousand kills and thousands of simulated schedules; SOAK_KILLS and SOAK_SEEDS change how many
	@$(BIN)/python -m tests.journeys.campaign $(SOAK_KILLS)
	@SIMULATION_SEEDS=$(SOAK_SEEDS) $(BIN)/pytest -q -n 2 --timeout 3600 tests/journeys/simulation/test_simulation.py

format: .make/dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .make/dev .make/bench-node ## the figures: ratios against peers, measured side by side
	@$(BIN)/python -m bench $(BENCH_ARGS)

plugins: .make/plugin ## build the browser plugins again: check types, write src/segue/web/plugins
	@cd plugin && npm run --silent check && npm run --silent build

lock: .make/venv ## write requirements/*.txt again from pyproject.toml
	@scripts/lock.sh

clean: ## remove everything the other commands made
	rm -rf .venv .make node_modules tests/node/node_modules tests/mobile/react_native/node_modules tests/mobile/kotlin/build bench/node/node_modules plugin/node_modules segue-data dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
