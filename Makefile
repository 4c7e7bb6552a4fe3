PYTHON := $(shell command -v python3.11 || command -v python3)
BIN    := .venv/bin
TOOLS  := .venv-tools/bin
OTHERS := .venv-clients/bin
# Each environment is there when its install has come to its end.
VENV       := .venv/installed
VENV_TOOLS := .venv-tools/installed
VENV_CLIENTS := .venv-clients/installed

.PHONY: help demo test check format lint types protos generate bench fuzz clean
.DEFAULT_GOAL := help

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(VENV) ## Start a mesh on this machine, call it, stop it
	$(BIN)/python -m convoy_services.demo

test: $(VENV) $(VENV_TOOLS) $(VENV_CLIENTS) ## Run the tests
	$(BIN)/pytest

check: lint types protos test ## All that CI asks for

format: $(VENV) $(VENV_TOOLS) ## Rewrite the code and the protos in the project's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(TOOLS)/buf format --write

lint: $(VENV) ## Format, style and which package may import which
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo

types: $(VENV) ## Types
	$(BIN)/mypy

protos: $(VENV_TOOLS) ## The contract: style, format, and compatibility with main
	$(TOOLS)/buf lint
	$(TOOLS)/buf format --diff --exit-code
	@if git cat-file -e refs/heads/main:protos 2> /dev/null; \
	then $(TOOLS)/buf breaking protos --against '.git#branch=main,subdir=protos'; \
	else echo 'buf breaking: skipped, no local branch main that has protos'; fi

generate: $(VENV_TOOLS) ## Generate the code of the protos
	$(TOOLS)/python tools/generate.py

bench: $(VENV) ## Run the benchmarks
	$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python -m benchmarks

fuzz: $(VENV) ## Send 100,000 requests that are nearly right, others each time
	CONVOY_FUZZ=100000 CONVOY_FUZZ_SEED=$$(date +%s) $(BIN)/pytest -s tests/mesh/test_fuzz.py

clean: ## Remove the environments and every cache
	rm -rf .venv .venv-tools .venv-clients .*_cache .hypothesis dist
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV): pyproject.toml constraints.txt
	@echo 'Installing into .venv: some minutes the first time'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip # Debian's is too old for --group
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[serve,models,recommendation,openvino,plots]' --group dev
	@touch $@

$(VENV_TOOLS): tools/requirements.txt
	$(PYTHON) -m venv .venv-tools
	$(TOOLS)/pip install --quiet --no-compile --requirement $<
	$(TOOLS)/pip install --quiet --no-deps docker-compose==1.29.2 # for the Compose schema in it
	@touch $@

$(VENV_CLIENTS): tools/clients-requirements.txt
	$(PYTHON) -m venv .venv-clients
	$(OTHERS)/pip install --quiet --no-compile --requirement $< # few of its files are ever imported
	@touch $@
