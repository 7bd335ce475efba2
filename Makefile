# make demo    runs the example in examples/digits; installs only what it needs, into .venv
# make test    installs what the tests need, and runs every check there is
# make again   runs what failed last once more, one by one; refuses when that is more than a few
# make quick   the same without the slow tests
# make check   lint, format, types and the import contract alone
# make format  mends what can be mended
# make bench   runs the benchmarks, and writes their results into benchmarks/README.md

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKED := src tests tools benchmarks examples
TORCH := $(shell grep --only-matching 'torch==[0-9.]*' pyproject.toml)
FEW := 4
PYTEST := $(BIN)/pytest -n 2 --dist worksteal

.PHONY: demo test again quick check format bench clean
demo: $(VENV)/.run
	cd examples/digits && ../../$(BIN)/ame task run digits

test: check
	tests/parts/install
	$(PYTEST)

again: check
	test "$$(grep --count ': true' .pytest_cache/v/cache/lastfailed)" -le $(FEW)
	$(BIN)/pytest -n 0 --verbose --last-failed --last-failed-no-failures none

quick: check
	$(PYTEST) -m "not slow"

check: $(VENV)/.test
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

bench: $(VENV)/.test
	$(BIN)/python benchmarks/all.py

$(BIN)/uv: tools/bootstrap.py
	$(PYTHON) tools/bootstrap.py $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.run: pyproject.toml $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable .
	touch $@

$(VENV)/.test: pyproject.toml tools/cpu_torch.py $(BIN)/uv
	$(PYTHON) tools/cpu_torch.py $(VENV) $(TORCH)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable . --group test
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
