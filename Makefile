# Every target sets up .venv by itself, and again only when pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: help setup study test lint notebooks mutants clean

help:
	@echo "make setup      .venv with everything"
	@echo "make study      the main study: Lion against AdamW on MNIST-1D, about 2 minutes"
	@echo "make test       lint and all tests, on TensorFlow and JAX"
	@echo "make lint       ruff and mypy"
	@echo "make notebooks  run the notebooks and keep their output"
	@echo "make mutants    tests against wrong versions of the optimizer, about 3 minutes"
	@echo "make clean      remove .venv, results/ and caches"

setup: $(READY)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	touch $@

study: $(READY)
	$(BIN)/keras-lion run studies/learning_rate_weight_decay.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tests of whatever computes run on both backends; the rest does not depend on one.
test: lint
	KERAS_BACKEND=tensorflow $(PYTEST) tests
	KERAS_BACKEND=jax $(PYTEST) tests/optimizers tests/tuning

notebooks: $(READY)
	$(BIN)/python notebooks/run.py

mutants: $(READY)
	$(BIN)/python -m tests.mutants.run

clean:
	rm -rf $(VENV) results build dist site .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
