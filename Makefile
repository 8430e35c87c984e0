# `make help` lists what there is. Needs Python 3.11 with venv, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

help: ## 列出全部命令 | List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml requirements/run.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/run.txt -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml requirements/run.txt requirements/dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/run.txt -c requirements/dev.txt -e '.[dev]'
	@touch $(VENV)/installed $@

install: $(VENV)/installed ## 安装到 .venv | Install into .venv

run: install ## 启动平台（首次装入演示数据）| Start the platform, with the demonstration
	@$(BIN)/kangyun up

check: $(VENV)/installed-dev ## 格式、规范、类型、依赖方向 | Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/installed-dev ## 安装测试所需并运行测试 | Install what the tests need and pass them
	$(BIN)/pytest -q -n 2 -m "not soak"

bench: $(VENV)/installed-dev ## 全部基准测试 | All benchmarks
	$(BIN)/python -m benchmarks

soak: $(VENV)/installed-dev ## 长时间测试 | Tests that run for long
	$(BIN)/pytest -q -m soak

.PHONY: help install run check test bench soak
