# One command per thing to do. Everything runs in an environment of its own under .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= dzarr-demo

.PHONY: help setup lint format test test-system soak bench demo notebooks clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.test ## make .venv with everything that the tests need

# The stamps are older than pyproject.toml after it changed: pip then brings the environment up to date.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dzarr needs Python 3.11 or newer; say which with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@touch $@

$(VENV)/.test $(VENV)/.demo: $(VENV)/.%: pyproject.toml | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

lint: $(VENV)/.test ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint ## lint, then every test and every example in a docstring
	$(BIN)/python -m pytest

# A root with apt-get gets what is missing; everybody else is told by the tests that skip.
test-system: $(VENV)/.test ## tests that need software from outside pip; says what it could not run
	@command -v strace >/dev/null || { [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && \
		apt-get install -qq -y strace >/dev/null 2>&1; } || \
		echo "strace is not here, and could not be installed: what the disk is told is not tested"
	$(BIN)/python -m pytest -m system -v

# The newest zarr-python needs a newer Python than dzarr does: it gets an environment of its own where there is one.
soak: $(VENV)/.test ## long random runs
	-$(BIN)/python tests/interop/newest.py --make
	$(BIN)/python -m pytest -m soak -v || { code=$$?; \
		[ $$code -eq 5 ] && echo "no test is marked 'soak': nothing was run" || exit $$code; }

demo: $(VENV)/.demo ## real climate and brain data through the whole library; writes ./dzarr-demo/report.html
	$(BIN)/python -m dzarr demo --out $(OUT)

notebooks: $(VENV)/.test ## run every notebook from top to bottom
	$(BIN)/python -m pytest -v tests/test_notebooks.py

bench: ## speed, graphs and memory against zarr-python, tensorstore, zarrs and a bare loop
	$(PYTHON) benchmarks/run.py

clean: ## remove the environments and everything that was made
	rm -rf $(VENV) .venv-bench .venv-new dzarr-demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
