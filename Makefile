# Every target sets up .venv by itself, and again only when pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: help setup study test lint notebooks docs evidence evidence-check evidence-rerun \
	mutants test-faults test-performance test-discovery test-browser test-oldest \
	test-torch test-keras-suite test-conformance test-slow \
	test-upstream accelerator clean

help:
	@echo "make setup      .venv with everything"
	@echo "make study      the main study: Lion against AdamW on MNIST-1D, about 3 minutes"
	@echo "make test       lint and all tests, on TensorFlow and JAX"
	@echo "make lint       ruff and mypy"
	@echo "make notebooks  run the notebooks and keep their output"
	@echo "make docs       the documentation site, into site/"
	@echo "make evidence   README, ledger, figures and notebooks from the public table"
	@echo "make evidence-check  that they are what the public table gives"
	@echo "make evidence-rerun  one run of each study again, from its key: a minute each"
	@echo "make mutants    tests against wrong versions of the optimizer, about 6 minutes"
	@echo "make test-slow      studies on TensorFlow too, and tests that take many seconds"
	@echo "make test-faults    kills, full disks and long sweeps, about 5 minutes a backend"
	@echo "make test-performance  that what the throughput script compares is the same"
	@echo "make test-discovery  100,000 mutated programs against a second interpreter"
	@echo "make test-browser   the report in Chromium, and a real TensorBoard"
	@echo "make test-oldest    the optimizer's tests with the oldest Keras that is claimed"
	@echo "make test-torch     the optimizer's tests on the torch backend (CPU build)"
	@echo "make test-keras-suite  Keras's own optimizer tests against ours"
	@echo "make test-conformance  runs of the engine against fit, about 15 minutes a backend"
	@echo "make accelerator  check and measure Lion on a GPU or TPU, ten minutes a part"
	@echo "make test-upstream  which faults of Keras are still there"
	@echo "make clean      remove .venv, results/ and caches"

setup: $(READY)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	touch $@

study: $(READY)
	$(BIN)/keras-lion run studies/learning_rate_weight_decay.py \
		--task mnist1d_mlp mnist1d_invariant

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What computes on a backend is tested on both, the command line on the default one; the
# rest depends on none, and is tested where it is faster. `make test-slow` runs the studies
# on TensorFlow too, and what takes many seconds.
ON_TENSORFLOW := tests/optimizers tests/tuning/engine tests/discovery/test_program_optimizer.py \
	tests/test_cli.py tests/studies/test_memory.py
NOT_ON_TENSORFLOW := tests/tuning/engine/test_fit_training.py
NOT_ON_JAX := tests/test_cli.py tests/studies/test_memory.py tests/optimizers/test_keras_tuner.py

test: lint
	KERAS_BACKEND=tensorflow $(PYTEST) $(ON_TENSORFLOW) $(NOT_ON_TENSORFLOW:%=--ignore=%)
	KERAS_BACKEND=jax $(PYTEST) tests $(NOT_ON_JAX:%=--ignore=%)

test-slow: $(READY)
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=tensorflow $(PYTEST) tests/tuning
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=tensorflow $(PYTEST) -m slow tests/optimizers tests/test_cli.py
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=jax $(PYTEST) -m slow tests $(NOT_ON_JAX:%=--ignore=%)

notebooks: $(READY)
	$(BIN)/python notebooks/run.py

# What only the site needs is installed with its first build.
$(VENV)/.docs-ready: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

# The variable silences a notice about MkDocs 2, which the pinned versions do not use.
docs: $(VENV)/.docs-ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Read it from site/index.html"

# What README, ledger and datasheet say, from the public table.
evidence: $(READY)
	KERAS_BACKEND=jax $(BIN)/python studies/evidence/make.py
	KERAS_BACKEND=jax $(BIN)/python studies/evidence/practice.py
	KERAS_BACKEND=jax $(BIN)/python studies/recipe_prior.py
	KERAS_BACKEND=jax $(BIN)/python studies/recipe_page.py
	KERAS_BACKEND=jax $(BIN)/python notebooks/run.py \
		02_robustness_heatmaps 03_effective_decay 04_discovery

evidence-check: $(READY)
	KERAS_BACKEND=jax $(BIN)/python studies/evidence/make.py --check
	KERAS_BACKEND=jax $(BIN)/python studies/evidence/practice.py --check
	KERAS_BACKEND=jax $(BIN)/python studies/recipe_prior.py --check
	KERAS_BACKEND=jax $(BIN)/python studies/recipe_page.py --check
	KERAS_BACKEND=jax $(BIN)/python notebooks/run.py --check \
		02_robustness_heatmaps 03_effective_decay 04_discovery

# One run of each study, trained again from its key.
evidence-rerun: $(READY)
	$(BIN)/python studies/evidence/rerun.py

mutants: $(READY)
	$(BIN)/python -m tests.mutants.run

# One at a time: each starts several processes.
test-faults: $(READY)
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=jax $(BIN)/python -m pytest -q tests/faults \
		tests/optimizers/test_keras_tuner.py
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -q tests/faults

# That the sides of the throughput measurement train the same thing.
test-performance: $(READY)
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=jax $(BIN)/python -m pytest -q tests/studies
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -q tests/studies

# The tests of the program search, with 100,000 children instead of 3,000.
test-discovery: $(READY)
	KERAS_LION_SLOW_TESTS=1 KERAS_BACKEND=jax $(PYTEST) tests/discovery

$(VENV)/.browser-ready: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[browser]'
	touch $@

# The browser is the system's: chromium or google-chrome.
test-browser: $(VENV)/.browser-ready
	KERAS_LION_BROWSER_TESTS=1 $(BIN)/python -m pytest -q tests/browser

TESTERS := pytest==9.2.0 hypothesis==6.170.15

test-oldest:
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		keras==3.12.0 numpy==1.26.4 jax==0.6.0 jaxlib==0.6.0 optax==0.2.5 $(TESTERS)
	KERAS_BACKEND=jax .venv-oldest/bin/python -m pytest -q tests/optimizers

test-torch:
	$(PYTHON) -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check \
		torch==2.13.0 keras numpy $(TESTERS)
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -q tests/optimizers

test-keras-suite: $(READY)
	KERAS_BACKEND=tensorflow $(BIN)/python -m tests.keras_suite.run
	KERAS_BACKEND=jax $(BIN)/python -m tests.keras_suite.run

# What docs/conformance.md shows.
test-conformance: $(READY)
	KERAS_BACKEND=jax $(BIN)/python -m tests.tuning.engine.conformance
	KERAS_BACKEND=tensorflow $(BIN)/python -m tests.tuning.engine.conformance

test-upstream: $(READY)
	KERAS_BACKEND=jax $(BIN)/python -m tests.upstream.run

# What is measured is not repeated: give it again until nothing is left. On a CPU:
# JAX_PLATFORMS=cpu make accelerator OPTIONS=--small
accelerator: $(READY)
	$(BIN)/python studies/performance/accelerator.py $(OPTIONS)

clean:
	rm -rf $(VENV) .venv-oldest .venv-torch results build dist site .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
