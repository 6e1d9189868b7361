# The commands of the README and of development. Everything is installed into this folder; nothing needs activating.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CORES ?= all
CONFIG ?=
TARGET ?= all
# Which build of vLLM and torch: cpu or gpu. An environment stays what it is: a cluster's login node has no GPU to go by.
INSTALLED := $(shell sed -n 's/.*local-\([cg]pu\)\.lock$$/\1/p' .venv/.locks 2>/dev/null)
ACCELERATOR ?= $(or $(INSTALLED),$(shell nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu))

PYTHON := .venv/bin/python
SNAKEMAKE := $(PYTHON) -m snakemake
PYTEST := $(PYTHON) -m pytest
# Nothing from outside .venv: neither a user's own packages nor a path set for another project.
export PYTHONNOUSERSITE := 1
unexport PYTHONPATH PYTHONHOME
# Modules are compiled once, not at every start (importing Snakemake: 2.1 s of CPU time, or 0.8 s; vLLM and TRL: far more).
unexport PYTHONDONTWRITEBYTECODE
# Bars of progress where a person looks on and the plugin is there; Snakemake's own lines otherwise.
LOGGER := $(shell [ -t 2 ] && $(PYTHON) -c 'import snakemake_logger_plugin_rich' 2>/dev/null && echo --logger rich)
CONFIGFILE := $(if $(CONFIG),--configfile $(CONFIG))
SOURCES := scripts tests setup containers
RULES := Snakefile rules/*.smk rules/common/*.smk tests/cluster/faults.smk

.PHONY: help setup run status plan test unit cluster-shared cluster-test cluster-bench lint format docs locks containers \
	cluster browser sandbox sandbox-check model bench reproduce clean-journal clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: ## install what is missing: system tools, .venv
	@ACCELERATOR=$(ACCELERATOR) setup/system.sh
	@setup/environment.sh .venv local-$(ACCELERATOR) dev

run: setup ## make everything of config.yaml (or CONFIG=file), print the scores
	@$(SNAKEMAKE) --cores $(CORES) $(CONFIGFILE) $(LOGGER) $(TARGET)
	@case $(TARGET) in all|report) cat results/report/summary.md ;; esac

# On a login node the small environment is enough.
PLANNER := $(firstword $(wildcard .venv/bin/python .venv-cluster/bin/python))
plan: $(if $(PLANNER),,setup) ## what a study will cost (CONFIG=file, GPUS=n, JSON=1), before anything is submitted
	@PYTHONPATH=scripts $(or $(PLANNER),$(PYTHON)) scripts/plan.py $(if $(CONFIG),--config $(CONFIG)) $(if $(GPUS),--gpus $(GPUS)) $(if $(JSON),--json)

test: setup cluster browser sandbox model lint ## set up, then check the code and run the tests (cluster-test apart)
	@containers/build.sh workflow
	@$(PYTEST) --numprocesses 2 --dist loadfile tests/unit tests/browser tests/security tests/workflow
	@echo 'Not among these: the tests on a SLURM cluster. make cluster-test starts one here as root, or uses yours (SELFALIGN_SITE).'

status: ## where a run is: stages, rows, failures, time left, from the files alone
	@PYTHONPATH=scripts $(or $(PLANNER),$(PYTHON)) scripts/status.py $(if $(CONFIG),--config $(CONFIG))

unit: setup ## the fast tests
	@$(PYTEST) tests/unit

lint: setup ## formatters and linters, without changing anything
	@.venv/bin/ruff check $(SOURCES)
	@.venv/bin/ruff format --check $(SOURCES)
	@.venv/bin/snakefmt --check $(RULES)
	@$(SNAKEMAKE) --lint
	@$(PYTHON) scripts/write_config_docs.py --check

format: setup ## rewrite code in the project's format
	@.venv/bin/ruff check --fix $(SOURCES)
	@.venv/bin/ruff format $(SOURCES)
	@.venv/bin/snakefmt $(RULES)

docs: setup ## write docs/config.md from the schema
	@$(PYTHON) scripts/write_config_docs.py

locks: ## resolve envs/requirements into the locks of envs/ (UPGRADE=1: newest versions)
	@setup/compile_locks.sh $(if $(UPGRADE),--upgrade)

IMAGES = ACCELERATOR=$(if $(filter command line environment,$(origin ACCELERATOR)),$(ACCELERATOR),gpu)
containers: sandbox ## build the images for --sdm apptainer (ACCELERATOR=cpu|gpu, gpu by default; ROLES=...)
	@$(IMAGES) containers/can_build.sh $(or $(ROLES),workflow generate train evaluate)
	@$(IMAGES) containers/build.sh $(ROLES)
	@containers/pack_sandbox.sh resources/sandbox/sandbox.sif

# Where there is only a cluster's small environment, that builds images too.
BUILDER := $(if $(wildcard .venv/bin/python),,$(wildcard .venv-cluster/bin/python))
sandbox: $(if $(BUILDER),,setup)
	@$(or $(BUILDER),$(PYTHON)) -m snakemake --cores $(CORES) --quiet all -- resources/sandbox/image.json

sandbox-check: sandbox ## layers of isolation that this machine grants, and attacks tried on it
	@$(or $(BUILDER),$(PYTHON)) scripts/sandbox_check.py

model: setup ## fetch the default model (resources/models)
	@$(SNAKEMAKE) --cores $(CORES) --quiet all -- resources/models/qwen2.5-coder-0.5b/model.json

cluster: ## the small environment of a cluster's login node
	@setup/environment.sh .venv-cluster cluster

cluster-shared: setup ## .venv with the SLURM plugin (.venv-slurm): jobs use this folder's software
	@setup/shared_environment.sh

cluster-test: cluster-shared sandbox model ## the workflow on your cluster (SELFALIGN_SITE=site.yaml), or as root on a SLURM of its own
	@containers/build.sh workflow
	@$(PYTEST) tests/cluster

cluster-bench: cluster-shared ## what a job costs on the cluster, with and without groups
	@$(PYTHON) tests/bench/cluster.py

browser: ## the browser in which tests open the report
	@setup/browser.sh

bench: setup model ## measurements (tests/bench): seeds, generation
	@$(SNAKEMAKE) --cores $(CORES) --quiet all -- resources/corpora/utilities/corpus.json
	@PYTHONPATH=scripts $(PYTHON) tests/bench/seeds.py resources/corpora/utilities/packages
	@PYTHONPATH=scripts $(PYTHON) tests/bench/generation.py --model resources/models/qwen2.5-coder-0.5b \
		--dtype float32 --context 2048 --prompts 250 --max-tokens 32 --prefixes 4

reproduce: setup ## does this checkout repeat the run of MANIFEST=results/run/manifest.json? says what differs
	@PYTHONPATH=scripts $(PYTHON) scripts/reproduce.py $(or $(MANIFEST),$(error give MANIFEST=path/to/manifest.json))

clean-journal: $(if $(PLANNER),,setup) ## say what of the journal CONFIG (one or more files) no longer refers to; REMOVE=1 drops it
	@PYTHONPATH=scripts $(or $(PLANNER),$(PYTHON)) scripts/clean_journal.py $(CONFIG:%=--config %) $(if $(REMOVE),--remove)

clean: ## remove results; downloaded models, corpora and images stay
	rm -rf results .test
