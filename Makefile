# `make help` lists what there is. Needs Python 3.11 or later with venv, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Wheels only: no compiler is asked for. The files name versions, never where packages come from.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all:
# What `make run` passes on: make run ARGS="--port 9000 --empty"
ARGS ?=
ARCH ?= $(shell uname -m)
# Tests wait for servers and browsers a third of their time: one worker more than there are processors.
WORKERS ?= $(shell expr $$(nproc) + 1)

.DEFAULT_GOAL := help

help: ## 列出全部命令 | List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# pip is the last thing that venv puts in: an environment that was broken off is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "需要 Python 3.11 或更高版本：make PYTHON=/路径/python3.11 …"; \
		echo "Needs Python 3.11 or later: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "缺少 venv，请先安装（Debian：apt install python3-venv） | venv is missing (Debian: apt install python3-venv)"; \
		rm -rf $(VENV); exit 1; }

$(VENV)/installed: pyproject.toml requirements/run.txt | $(BIN)/pip
	@echo "正在安装到 $(VENV)（首次约需一分钟）…… | Installing into $(VENV), about a minute the first time …"
	@$(PIP) -c requirements/run.txt -e .
	@$(BIN)/python -m compileall -q src/kangyun
	@touch $@

$(VENV)/installed-dev: pyproject.toml requirements/run.txt requirements/dev.txt | $(BIN)/pip
	@echo "正在安装测试所需…… | Installing what the tests need …"
	@$(PIP) -c requirements/run.txt -c requirements/dev.txt -e '.[dev]'
	@$(BIN)/python -m compileall -q src/kangyun
	@touch $(VENV)/installed $@

install: $(VENV)/installed ## 安装到 .venv | Install into .venv

console: $(VENV)/installed ## 构建控制台 | Build the console
	@$(BIN)/python scripts/console.py

run: install console ## 启动平台（首次装入演示数据）| Start the platform, with the demonstration
	@exec $(BIN)/kangyun up $(ARGS)

check: $(VENV)/installed-dev ## 格式、规范、类型、依赖方向 | Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/console.py --check

test: $(VENV)/installed-dev console ## 安装测试所需并运行测试 | Install what the tests need and pass them
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not soak"

bench: $(VENV)/installed-dev ## 全部基准测试 | All benchmarks
	$(BIN)/python -m benchmarks

soak: $(VENV)/installed-dev ## 长时间测试 | Tests that run for long
	$(BIN)/pytest -q -m soak
	.ci/on-postgresql-15 tests/conformance
	grep -rl --include='test_*.py' 'hypothesis import' src tests benchmarks | \
		xargs $(BIN)/pytest -q -n auto -m "not soak" --hypothesis-profile searching

pictures: $(VENV)/installed-dev ## 重拍 README 的图片（演示须在运行）| Take the README's pictures of a demonstration that is up
	$(BIN)/python scripts/pictures.py $(ARGS)

lock: $(VENV)/installed-dev ## 把已安装的版本写入 requirements/ | Write the installed versions to requirements/
	$(BIN)/python scripts/lock.py
	$(BIN)/python scripts/bundle/build.py --lock

bundle: $(VENV)/installed ## 离线安装包 ARCH=x86_64|aarch64 | Offline bundle for one architecture
	$(BIN)/python scripts/bundle/build.py --arch $(ARCH)

.PHONY: help install console run check test bench soak pictures lock bundle
