# make lab · make test · make notebooks · make site · make soak · make bench · make clean
# From a fresh clone these need Python >= 3.11, make and git; the rest is installed into .venv.

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
START := notebooks/00_start_here.ipynb
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# Built elsewhere (the clone was moved or copied), or its Python has gone: build again.
STALE := $(shell test "$$(cat .venv/ready 2>/dev/null)" = "$$(pwd -P)" && .venv/bin/python -I -c "" 2>/dev/null || echo stale)
# Nothing of the user's own Python and Jupyter: what runs here is what is installed here.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP JUPYTER_PATH
export JUPYTER_PREFER_ENV_PATH := 1
export IPYTHONDIR := $(CURDIR)/build/ipython
export NUMBA_CACHE_DIR := $(CURDIR)/build/numba

.PHONY: stale help lab test notebooks site soak bench clean
help:
	@echo "make lab        open the workbook in JupyterLab (more arguments: LAB_ARGS=...)"
	@echo "make test       check everything: style, package, kernels in three modes, notebooks (about 5 minutes on two cores)"
	@echo "make notebooks  rerun and rewrite all notebooks"
	@echo "make site       make pages of what the notebooks store, to read in any browser: build/site/index.html"
	@echo "make soak       longer searches for counterexamples"
	@echo "make bench      compare the kernels with C on this machine, and keep the samples in data/bench"
	@echo "make clean      remove build/ and .venv"

.venv/ready: pyproject.toml tools/build_env.sh $(STALE)
	@tools/build_env.sh

lab: .venv/ready
	@echo "Opening JupyterLab on $(START): loopback only, with a token; Ctrl-C ends it"
	@$(BIN)/python -m jupyterlab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)" $(ROOT) \
		--LabApp.default_url=/lab/tree/$(START) $(LAB_ARGS)

# Two halves of about the same length run side by side. Each kernel mode has its own numba cache: code of one mode must
# not serve another, nor two processes share a cold one, so the kernels are compiled first.
test: .venv/ready
	@echo "== 1/7 style"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== 2/7 compiling the kernels (after an edit of one: up to two minutes)"
	@$(BIN)/python -m bench.every_kernel > /dev/null
	@$(MAKE) --no-print-directory -j2 -Oline test-package test-modes-and-notebooks
	@echo "All passed"

# Browser, pages, live calls, bench: what runs other programs.
BESIDE := $(wildcard tests/test_browser.py tests/test_site.py tests/test_live*.py tests/test_bench*.py)

.PHONY: test-package test-modes-and-notebooks
test-package:
	@echo "== 3/7 package, tools and structure of the notebooks"
	@$(PYTEST) tests $(BESIDE:%=--ignore=%)

test-modes-and-notebooks:
	@echo "== 4/7 kernels with every index checked"
	@NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR="$(CURDIR)/build/numba-boundscheck" $(PYTEST) tests/kernel
	@echo "== 5/7 kernels as plain Python"
	@NUMBA_DISABLE_JIT=1 NUMBA_CACHE_DIR="$(CURDIR)/build/numba-plain" $(PYTEST) tests/kernel
	@echo "== 6/7 every cell of every notebook against its stored output"
	@$(PYTEST) --nbval --nbval-current-env --durations=5 notebooks
	@echo "== 7/7 browser, pages, live calls, bench"
	@$(PYTEST) $(BESIDE)

notebooks: .venv/ready
	@echo "Rerunning and rewriting the notebooks, each in a fresh kernel"
	@$(BIN)/python tools/write_notebooks.py

# Runs no notebook and asks no network; a link that leads nowhere is an error.
site: .venv/ready
	@rm -rf build/site build/doctrees build/jupyter_execute
	@$(BIN)/python -m sphinx -q -W --keep-going -c docs -d build/doctrees . build/site
	@echo "The pages are made: open build/site/index.html"

soak: .venv/ready
	@echo "Longer searches, 10,000 examples each, and 1,000 live runs with faults injected"
	@$(PYTEST) -m "soak or long" --hypothesis-profile=soak tests

bench: .venv/ready
	@echo "Long runs, then the kernels against C, some minutes in all; leave the machine alone meanwhile"
	@$(BIN)/python -m bench $(if $(NOTE),--note "$(NOTE)")

clean:
	rm -rf build .venv
