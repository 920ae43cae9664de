# Each target does all its own set-up: a virtual environment in .venv, then the job.
PYTHON ?= python3
BIN := .venv/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What is installed is what requirements/*.lock names, by its digest; the project itself goes beside it.
SELF := $(PIP) --no-deps --no-build-isolation --editable .

.PHONY: demo test lint bench dist matrix lock advisories clean

demo: .venv/demo.stamp
	$(BIN)/auditor demo

test: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/test.stamp
	$(BIN)/ruff check auditor tests
	$(BIN)/ruff format --check auditor tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml auditor

bench: .venv/test.stamp
	$(BIN)/python -m tests.benchmarks

# Wheel, sdist, SBOM and digests: the same bytes from the same commit.
dist: .venv/test.stamp
	$(BIN)/python .ci/dist

# Every Python from 3.10 on that this machine has, the newest packages and the oldest.
matrix: .venv/pip.stamp
	$(BIN)/python .ci/matrix

# New versions for requirements/*.lock.
lock: .venv/pip.stamp
	$(PIP) uv
	.ci/lock --upgrade

# Known vulnerabilities of what is locked; asks a public advisory service, and fails when it does not answer.
advisories: .venv/pip.stamp
	$(PIP) pip-audit
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements/test.lock

clean:
	rm -rf .venv build dist *.egg-info

.venv/pip.stamp:
	$(PYTHON) -m venv .venv
	touch $@

.venv/demo.stamp: .venv/pip.stamp setup.cfg pyproject.toml requirements/demo.lock
	$(PIP) --require-hashes --requirement requirements/demo.lock
	$(SELF)
	touch $@

.venv/test.stamp: .venv/pip.stamp setup.cfg pyproject.toml requirements/test.lock
	$(PIP) --require-hashes --requirement requirements/test.lock
	$(SELF)
	touch $@
