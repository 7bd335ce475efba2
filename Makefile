# make demo   runs the example in examples/digits; installs only what it needs into .venv
# make test   installs what the tests need and runs every check
# make quick  the checks without the slow tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKED := src tests tools benchmarks examples

.PHONY: demo test quick check format clean
demo: $(VENV)/.run
	$(BIN)/ame task run --logs --project-dir examples/digits digits

test: $(VENV)/.test check
	tests/parts/install
	$(BIN)/pytest -n 2 --dist worksteal

quick: $(VENV)/.test check
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

check: $(VENV)/.test
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

$(VENV)/bin/python:
	$(PYTHON) tools/bootstrap.py $(VENV)

$(VENV)/.run: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
