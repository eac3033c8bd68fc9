# Workbadge. `make` alone shows what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
PYTEST := $(PY) -m pytest

.PHONY: help setup setup-demo demo test test-long check format fuzz bench lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## make .venv with everything: the commands workbadge and regrant, tests, linters
	@tools/bootstrap requirements.lock

setup-demo: ## make .venv with what the server needs (nothing is removed from a full one)
	@tools/bootstrap requirements-runtime.lock

demo: setup-demo ## start the whole story on SQLite and say what to open
	@exec .venv/bin/workbadge demo

test: setup ## install what the tests need, then run them (not the ones marked long)
	@tools/test_needs
	$(PYTEST) -n 2 --dist loadgroup -m "not long"

test-long: setup ## the tests marked long: heavier histories and properties
	@tools/test_needs
	$(PYTEST) -n 2 --dist loadgroup -m long --timeout 1800 || [ $$? = 5 ] # 5: there is none

check: setup ## format, lint, types, import contracts, house rules
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m tools.lint_house

format: setup ## format and mend what can be mended
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

fuzz: setup ## fuzz all that openapi.json describes for ten minutes (SECONDS=n): no 5xx
	$(PY) -m tools.fuzz $(or $(SECONDS),600)

bench: setup ## measure speed beside peers; writes bench/README.md
	@tools/test_needs --bench
	$(PY) -m bench

lock: setup ## make both lock files anew (they name no address)
	@tools/lock

clean: ## remove what make made
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist {tests/clients,bench}/js/node_modules
