# `make up` and `make test` need Python 3.11, make and the package registries, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: up test lint types crash faults machine bench bench-ledger bench-studies accuracy lock clean

up: $(VENV)/.run
	$(BIN)/wattmill up examples/first/factory.toml

test: $(VENV)/.dev lint types
	$(BIN)/pytest -n 2 --dist worksteal
	$(BIN)/lint-imports

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# At least 100 rounds of SIGKILL under load; `make test` runs a few of them.
crash: $(VENV)/.dev
	WATTMILL_CRASH_ROUNDS=100 $(BIN)/pytest tests/crash -s

# A disk that fails at the N-th write, sync, rename …, for every N; `make test` tries some of them.
faults: $(VENV)/.dev
	WATTMILL_FAULTS_ALL=1 $(BIN)/pytest tests/crash/test_faults.py -s

# The ledger beside a list of requests and a few sums, 100,000 random steps; `make test` does some hundreds.
machine: $(VENV)/.dev
	WATTMILL_MACHINE_STEPS=$${WATTMILL_MACHINE_STEPS:-100000} $(BIN)/pytest tests/ledger/machine -s

# The gateway and the sweep of configurations beside their peers, each in an environment of its own.
bench: $(VENV)/.dev
	$(BIN)/python -m bench.gateway
	$(BIN)/python -m bench.sweep

# What the ledger can carry, ten million requests in a month among it: about an hour, and 4 GB of disk for a while.
bench-ledger: $(VENV)/.dev
	$(BIN)/python -m bench.ledger

# Ten thousand futures of a fleet, and the best mix of two hundred machine types: half a minute.
bench-studies: $(VENV)/.dev
	$(BIN)/python -m bench.finance
	$(BIN)/python -m bench.fleet

# Predictions beside measurements, held out by model family and by generation of GPUs, and beside peers.
MEASURED ?= ../shared/measured
ACCURACY := bench/.cache/accuracy
accuracy: $(ACCURACY)/.ready
	PYTHONPATH=.:src $(ACCURACY)/bin/python -m bench.accuracy --measured $(MEASURED)

$(ACCURACY)/.ready: Makefile
	test -x $(ACCURACY)/bin/python || $(PYTHON) -m venv $(ACCURACY)
	$(ACCURACY)/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 msgspec rtoml tzdata
	touch $@

$(VENV)/.run: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src/wattmill
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(PIP) -r requirements-dev.lock
	touch $@

# Pin anew, with hashes, what pyproject.toml asks for.
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url
lock:
	$(LOCK) --group build -o requirements.lock
	$(LOCK) --group build --group dev -o requirements-dev.lock

clean:
	rm -rf $(VENV) .wattmill .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/.cache
