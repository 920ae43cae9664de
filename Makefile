# Each target does all its own set-up: a virtual environment in .venv, then the job.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench clean

demo: .venv/demo.stamp
	$(BIN)/auditor demo

test: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/test.stamp
	$(BIN)/ruff check auditor tests
	$(BIN)/ruff format --check auditor tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/test.stamp
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv build dist *.egg-info

.venv/pip.stamp:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	touch $@

.venv/demo.stamp: .venv/pip.stamp setup.cfg pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

.venv/test.stamp: .venv/pip.stamp setup.cfg pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,test,history,dask,notify,lsp,ocsf,sam]'
	touch $@
