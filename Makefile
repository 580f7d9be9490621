# `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: help install demo up test check format unit integration browser pictures words faults containers search bench lock contracts secrets clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## make the environment (.venv)

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python's venv module is missing (Debian: apt install python3-venv)"; exit 1; }
	@echo "Installing the locked dependencies…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## the example CRM through the running system, on this machine, with no Docker
	@$(BIN)/tahvil demo

up: install ## everything in one terminal: Kafka, MongoDB, mail catcher, three services
	@$(BIN)/tahvil up

check: install ## format, lint, types, architecture, unit and contract tests: about a minute
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m shared.contracts.generate --check
	$(BIN)/pytest -q tests/unit tests/contracts

test: check integration browser faults containers ## everything, on real servers

integration: install ## real Kafka, MongoDB and SMTP as child processes; two files at a time
	$(BIN)/pytest -q -n 2 --dist loadfile tests/integration

browser: install ## the pages in the system's Chromium; skipped, with the reason, without one
	$(BIN)/pytest -q tests/browser

pictures: install ## the pages' pictures in docs/pictures, taken anew
	$(BIN)/python -m tests.browser.pictures docs/pictures

words: install ## the pages' Persian catalog, brought up to their messages
	$(BIN)/python -m tests.support.words

faults: install ## kill -9, servers stopped under load, replicas
	$(BIN)/pytest -q tests/faults

containers: install ## docker compose and testcontainers; skipped when no engine answers
	$(BIN)/pytest -q tests/containers

search: install ## examples never tried before against every property: ROUNDS=10
	@for round in $$(seq $(or $(ROUNDS),10)); do \
		$(BIN)/pytest -q -x --hypothesis-profile=search tests/unit tests/contracts || exit 1; done

bench: install ## speeds as ratios to baselines of the same run
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.working_time
	$(BIN)/python -m benchmarks.slow_endpoint
	$(BIN)/python -m benchmarks.timers
	$(BIN)/python -m benchmarks.rebuild
	$(BIN)/python -m benchmarks.pages

format: install ## write the code in the project's format
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

contracts: install ## write JSON Schemas and AsyncAPI anew
	$(BIN)/python -m shared.contracts.generate

lock: install ## lock the newest dependencies that fit, with hashes
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-header \
		-o requirements/run.txt pyproject.toml
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-header \
		--all-extras -o requirements/dev.txt pyproject.toml

secrets: ## random passwords for docker compose, made once
	@$(PYTHON) deploy/make-secrets

clean: ## remove the environment and the data of `make up` and `make demo`
	rm -rf $(VENV) .tahvil .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
