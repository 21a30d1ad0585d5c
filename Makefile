# Two commands set everything up by themselves: `make run` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Their calls come in real time, of which other tests beside them would take their share.
ALONE  := tests/service/live/test_faults.py tests/service/live/test_scribe.py
SAMPLE := samples/sample_call.ogg
REPORT := build/report.html

.PHONY: help run test check bench clean

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/service ## analyse the sample call into build/report.html, then serve the dashboard
	@mkdir -p build
	$(BIN)/tonewatch analyze $(SAMPLE) --html $(REPORT)
	@echo "The report is in $(REPORT): open it in a browser."
	$(BIN)/tonewatch serve

test: $(VENV)/dev ## run all tests
	$(BIN)/python -m pytest $(ALONE)
	@# A file stays with one worker, as its tests share what is dear: a service, a training.
	$(BIN)/python -m pytest $(ALONE:%=--ignore=%) --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

check: $(VENV)/dev ## lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/bench ## measure speed and memory beside other analysers
	OMP_NUM_THREADS=1 $(BIN)/python -m bench

clean: ## remove what was built, the environment too
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp a set of extras: installed once, and again when the versions change.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/service: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[service]'
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[service,train,dev]'
	@touch $@ $(VENV)/service

$(VENV)/bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[service,train,dev,bench]'
	@touch $@ $(VENV)/dev $(VENV)/service
