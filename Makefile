# Every target sets up what it needs by itself; on a new machine the first call takes a minute or two.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ARGS ?=
BIN := .venv/bin
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard shop/translations/*/LC_MESSAGES/*.po))
CODE := shop catalogue orders workers tests .ci wsgi.py
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help run test faults soak-payments restore-drill lint types rules fmt bench bench-routing clean forget shop i18n migrations-check lock setup setup-dev browser

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: setup $(CATALOGUES) ## start the whole shop here, with private services for what the environment does not name
	@exec $(BIN)/python -m shop.sandbox.run --end-with-parent

shop: setup $(CATALOGUES) ## the command line: make shop ARGS="check"
	@exec $(BIN)/python -m shop.sandbox.command shop $(ARGS)

test: lint browser ## everything a change must pass; make test ARGS="tests/orders -x" for a part of the tests
	@$(BIN)/python -m pytest --numprocesses 2 $(ARGS)

faults: setup-dev browser $(CATALOGUES) ## the experiments of docs/reliability.md in full size, with a table of figures; ARGS go to pytest
	@FULL_SIZE=1 $(BIN)/python -m pytest -q -o timeout=1800 $(ARGS)

soak-payments: setup-dev $(CATALOGUES) ## 500 orders a half while messages and calls are lost and workers killed, then both books compared; SOAK_SEED=7 draws another day
	@FULL_SIZE=1 $(BIN)/python -m pytest -q -s -o timeout=3600 tests/payments/test_soak.py $(ARGS)

restore-drill: setup-dev $(CATALOGUES) ## dump a shop at work, restore it elsewhere, prove its invariants, sell from it
	@FULL_SIZE=1 $(BIN)/python -m pytest -q -o timeout=1800 tests/drill $(ARGS)

lint: setup-dev $(CATALOGUES) ## style, types, floors, migrations and translations
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types rules migrations-check

types: setup-dev
	@$(BIN)/mypy

rules: setup-dev
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --quiet --check $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python .ci/translations.py check

migrations-check: setup-dev ## apply all migrations to an empty database and compare it with the models
	@PROCESS_ROLE=migrate $(BIN)/python -m shop.sandbox.command --scratch shop migrate --check

fmt: setup-dev ## put the code into shape
	@$(BIN)/ruff check --quiet --fix --exit-zero $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: setup-dev $(CATALOGUES) ## measure; ARGS go to pytest
	@$(BIN)/python -m pytest -q -s -o python_files='bench_*.py' -o python_functions='bench_*' tests/bench $(ARGS)

bench-routing: setup-dev ## the router against simple rules, its speed, orders together; ARGS="--seed 7" draws another day
	@$(BIN)/python -m tests.bench.routing.bench_routing $(ARGS)

i18n: setup-dev ## collect the texts of code and templates into the catalogues of all languages
	@$(BIN)/python .ci/translations.py update

lock: setup-dev ## choose newest allowed versions and pin them by hash
	@$(LOCK) --upgrade --extra build -o requirements.lock
	@$(LOCK) --upgrade --extra build --extra sandbox -c requirements.lock -o requirements-sandbox.lock
	@$(LOCK) --upgrade --extra build --extra sandbox --extra dev -c requirements-sandbox.lock -o requirements-dev.lock

clean: ## remove what make made in this folder (the sandbox's data stay: see `make forget`)
	@rm -rf .venv build dist test-results *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find shop/translations -name '*.mo' -delete

forget: setup ## throw away the sandbox's database, queue and mails
	@$(BIN)/python -m shop.sandbox.folder

setup: .venv/ready
setup-dev: .venv/ready-dev
browser:
	@.ci/browser

.venv/ready: requirements-sandbox.lock pyproject.toml .ci/environment
	@.ci/environment requirements-sandbox.lock
	@touch $@

.venv/ready-dev: requirements-dev.lock requirements-spec.lock pyproject.toml .ci/environment
	@.ci/environment requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python --require-hashes \
		-r requirements-spec.lock
	@touch .venv/ready $@

%.mo: %.po | setup
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@
