# The house around the package. Two commands for everyone: `make demo` and `make test`; `make help` shows the rest.
# Nothing is installed outside .venv, .venv-transformers and .venv-oldest, except Debian's Chromium by `make test` where that is run as root.
# Kept to what GNU make 3.81 (macOS) understands.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch is large, so what needs it has an environment of its own. Elsewhere another build of it may suit better.
TORCH_VENV := .venv-transformers
TORCH ?= torch==2.13.0
PIP := $(BIN)/python -m pip install --quiet
# The oldest that work, found by trying; `lab` in pyproject.toml says the same.
OLDEST_VENV := .venv-oldest
OLDEST := 'jupyterlab==4.0.2' 'notebook==7.0.0' 'ipykernel==6.19.4'
JS_READY := js/node_modules/.ready
# The last that the build writes: the bundle for widgets is then there too.
LAB_BUILT := magistral_nb/labextension/install.json
JS_SOURCES := js/build.mjs js/install.json js/package.json magistral_nb/_version.py \
	$(wildcard js/src/*.ts js/src/*/*.ts js/style/*)
NPM = PATH="$(CURDIR)/$(BIN):$$(sh scripts/node.sh $(BIN)):$$PATH" npm

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo lab-dev check test test-setup test-transformers test-oldest cassettes bench pictures release-check clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.dev ## make .venv with the package (editable) and all tools for working on it

demo: $(VENV)/.demo ## install what the demo needs, then ask a real small model in a real notebook
	@if sh scripts/node.sh >/dev/null; then $(MAKE) --no-print-directory lab-dev || \
	echo "The page's half could not be built, so JupyterLab shows what Python draws. The demo goes on."; fi
	@$(BIN)/python -m magistral_nb demo --install
	@$(BIN)/python -m magistral_nb demo

lab-dev: $(LAB_BUILT) ## build the page's half and link the labextension into .venv, for its JupyterLab and Notebook 7
	@mkdir -p $(VENV)/share/jupyter/labextensions
	@ln -sfn "$(CURDIR)/magistral_nb/labextension" $(VENV)/share/jupyter/labextensions/magistral_nb

check: $(VENV)/.dev $(JS_READY) ## style, types, and the floors that imports must keep, in Python and in TypeScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(NPM) --prefix js run --silent check

test-setup: $(VENV)/.test $(LAB_BUILT) # what other tests need as well, and must not install at the same time
	@$(BIN)/python -m magistral_nb demo --install
	@sh scripts/chromium.sh >/dev/null

test: test-setup ## all tests but those that need PyTorch, those with a real model, a real kernel and a real browser included
	@$(NPM) --prefix js test --silent
	@$(BIN)/python scripts/server_env.py
	@chromium="$$(sh scripts/chromium.sh)" && CHROMIUM="$$chromium" $(BIN)/python -m pytest -m "not transformers" \
	--ignore tests/browser/test_oldest_lab.py # that one is for `make test-oldest`

test-transformers: $(TORCH_VENV)/.test ## the tests of Client("transformers"), with PyTorch on the processor and tiny models
	@$(TORCH_VENV)/bin/python -m magistral_nb demo --install
	@$(TORCH_VENV)/bin/python -m pytest -m transformers tests/transformers

test-oldest: $(OLDEST_VENV)/.test $(LAB_BUILT) ## one live reply in the oldest JupyterLab and kernel that work
	@chromium="$$(sh scripts/chromium.sh)" && CHROMIUM="$$chromium" $(OLDEST_VENV)/bin/python -m pytest -m browser \
	tests/browser/test_oldest_lab.py

cassettes: $(VENV)/.dev ## record the lessons anew: make cassettes ENDPOINT=navigator. Says first what it will cost
	@test -n "$(ENDPOINT)" || { echo 'Say where to ask: make cassettes ENDPOINT=navigator (or demo, …)'; exit 2; }
	@$(BIN)/python -m magistral_nb demo --install
	@$(BIN)/python scripts/record_cassettes.py "$(ENDPOINT)" $(OPTIONS)

bench: $(VENV)/.bench $(LAB_BUILT) ## what the package costs, and what its users see when things go wrong, beside others, as tables
	$(BIN)/python -m benchmarks.bench_import
	$(BIN)/python -m benchmarks.bench_stream
	$(BIN)/python -m benchmarks.bench_faults
	$(BIN)/python -m benchmarks.bench_notebook
	chromium="$$(sh scripts/chromium.sh)" && PATH="$$(sh scripts/node.sh $(BIN)):$$PATH" CHROMIUM="$$chromium" \
		$(BIN)/python -m benchmarks.bench_frames

pictures: $(VENV)/.test $(VENV)/.bench $(LAB_BUILT) ## take the pictures of docs/images anew, in real JupyterLab and Notebook 7
	@chromium="$$(sh scripts/chromium.sh)" && CHROMIUM="$$chromium" $(BIN)/python -m tests.browser.pictures docs/images

release-check: $(VENV)/.dev ## build what would be released, and try it in an empty environment
	$(BIN)/python scripts/release_check.py

clean: ## remove the environments and everything that was built
	rm -rf $(VENV) $(TORCH_VENV) $(OLDEST_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf js/node_modules js/lib js/build magistral_nb/static magistral_nb/labextension
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(LAB_BUILT): $(JS_SOURCES) | $(JS_READY)
	@echo "Building the page's half …"
	@said="$$($(NPM) --prefix js run --silent build:lab 2>&1)" || { echo "$$said"; exit 1; }

$(JS_READY): js/package-lock.json | $(VENV)/.python
	@echo "Installing what js/ is built and tested with (half a minute or so) …"
	@$(PIP) --group page
	@$(NPM) --prefix js ci --silent
	@touch $@

# A stamp in .venv says that its install is done; it is done again when pyproject.toml changes.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("magistral_nb needs Python 3.11 or \
	newer; $(PYTHON) is %d.%d. If you have another: make PYTHON=python3.12 …" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip # dependency groups need pip 25.1
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	@echo "Installing the package, JupyterLab and a small inference engine into $(VENV) (a minute or so) …"
	@$(PIP) --editable '.[local,lab]' --group demo
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	@echo "Installing the package and the tools for working on it into $(VENV) (a minute or so) …"
	@$(PIP) --editable '.[local]' --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@echo "Installing the clients to compare with into $(VENV) (a minute or so) …"
	@$(PIP) --editable '.[local]' --group bench
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	@echo "Installing the package and what its tests need into $(VENV) (a minute or two) …"
	@$(PIP) --editable '.[local,lab]' --group dev --group browser
	@touch $@

$(OLDEST_VENV)/.test: pyproject.toml
	@rm -rf $(OLDEST_VENV)
	$(PYTHON) -m venv $(OLDEST_VENV)
	@$(OLDEST_VENV)/bin/python -m pip install --quiet --upgrade pip # dependency groups need pip 25.1
	@echo "Installing the oldest JupyterLab and kernel that work (a minute or so) …"
	@$(OLDEST_VENV)/bin/python -m pip install --quiet --editable . $(OLDEST) --group test --group browser
	@touch $@

$(TORCH_VENV)/.test: pyproject.toml
	@rm -rf $(TORCH_VENV)
	$(PYTHON) -m venv $(TORCH_VENV)
	@$(TORCH_VENV)/bin/python -m pip install --quiet --upgrade pip # dependency groups need pip 25.1
	@echo "Installing the package, $(TORCH) and transformers into $(TORCH_VENV) (some minutes) …"
	@$(TORCH_VENV)/bin/python -m pip install --quiet '$(TORCH)' --editable '.[transformers]' --group transformers
	@touch $@
