# `make up` and `make test` need Python 3.11, make and the package registries, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: up test quick lint types crash bench accuracy lock clean

up: $(VENV)/.run
	$(BIN)/wattmill up examples/first/factory.toml

test: $(VENV)/.dev lint types
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/lint-imports

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# At least 100 rounds of SIGKILL under load; `make test` runs a few of them.
crash: $(VENV)/.dev
	WATTMILL_CRASH_ROUNDS=100 $(BIN)/pytest tests/crash -s

# The gateway beside its peers, each in an environment of its own.
bench: $(VENV)/.dev
	$(BIN)/python -m bench.gateway

# Predictions beside measurements, held out by model family and by generation of GPUs, and beside peers.
MEASURED ?= ../shared/measured
ACCURACY := bench/.cache/accuracy
accuracy: $(ACCURACY)/.ready
	PYTHONPATH=.:src $(ACCURACY)/bin/python -m bench.accuracy --measured $(MEASURED)

$(ACCURACY)/.ready:
	test -x $(ACCURACY)/bin/python || $(PYTHON) -m venv $(ACCURACY)
	$(ACCURACY)/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 msgspec tzdata
	touch $@

$(VENV)/.run: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
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
