# Every target sets up what it needs; nothing has to be installed by hand but Python 3.11 to 3.13 with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo demo-zero operators test fuzz chaos lint audit bench serve regen constraints base-model clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# torch comes from constraints.txt; pip (not uv) is used because it also looks where CPU wheels are offered
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -U 'pip>=25.1'
	$(PIP) install -q -e '.[service,train]' --group dev -c constraints.txt
	touch $(READY)

demo: $(READY)   ## the whole path on the shipped example, from a question to a verified ONNX artifact
	$(BIN)/tunegate demo

demo-zero: $(READY)  ## the same with two processes under DeepSpeed's ZeRO-2, as the advisor then answers; needs g++, Linux
	$(PIP) install -q -e '.[service,train,zero]' --group dev -c constraints.txt
	$(BIN)/tunegate demo --processes 2 -o demo-output/zero

operators: $(READY)  ## compile what DeepSpeed needs on a CPU, minutes of it, before the tests of several processes do
	PATH="$(CURDIR)/$(BIN):$$PATH" DS_ACCELERATOR=cpu $(BIN)/python -m trainers.sharding.compiling

# a worker per core; one thread each, for torch would take every core in every worker; tests/conftest.py orders the files
test: $(READY)   ## every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

fuzz: $(READY)   ## search for bytes that get no lawful lint report, for SECONDS (60); Linux
	$(BIN)/python tests/fuzz/lint_bytes.py $(or $(SECONDS),60)

chaos: $(READY)  ## kill services and trainers KILLS (20) times from SEED (1), fill disks, cut lines, and look at what is left; Linux
	$(BIN)/python tests/chaos/campaign.py --kills $(or $(KILLS),20) --seed $(or $(SEED),1)

lint: $(READY)   ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: $(READY)  ## the rule files with their review dates, for a scheduled check: advice goes stale without any commit
	$(BIN)/tunegate rules audit

bench: $(READY)  ## ratios against peers, printed with their conditions
	for file in benchmarks/[a-z]*.py; do $(BIN)/python $$file || exit 1; done

serve: $(READY)  ## the service on http://127.0.0.1:8484
	$(BIN)/tunegate serve

regen: $(READY)  ## rewrite what is generated: openapi/, schemas/
	$(BIN)/python -m service.regenerate

constraints: $(READY)  ## resolve constraints.txt anew for every platform and Python 3.11 to 3.13
	$(BIN)/uv pip compile -q --universal --python-version 3.11 pyproject.toml --extra service --extra train --group dev \
	    --no-annotate --no-header --no-emit-package torch -o constraints.txt
	printf '# uv does not see CPU wheels offered to pip, so torch is pinned by hand (pyproject.toml, extra train)\ntorch==2.13.0\n' >> constraints.txt

base-model: $(READY)  ## the small base model of the demo, into ./base-model
	$(BIN)/python examples/library-desk/make_base_model.py base-model

clean:           ## remove what was set up and made
	rm -rf $(VENV) demo-output base-model dist build
