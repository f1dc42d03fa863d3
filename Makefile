# Two commands, and nothing before them but Python >= 3.11 and make:
#   make demo    set up, then derive, verify and train a network
#   make test    set up, then lint, type-check and test everything
# And, for whoever changes what a page looks like, or what should be fast:
#   make gallery     docs/gallery written anew
#   make benchmark   times and ratios, printed

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# The first interpreter here that is new enough; `make PYTHON=/path/to/python …` takes another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

.PHONY: help demo test gallery benchmark clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.installed
	$(BIN)/symbp derive
	$(BIN)/symbp verify
	$(BIN)/symbp train

# One thread a worker: two that both want two cores wait for each other.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict symbackprop cli/symbp
	$(BIN)/pytest -n auto

gallery: $(VENV)/.installed
	$(BIN)/python docs/build_gallery.py

benchmark: $(VENV)/.installed
	$(BIN)/python benchmarks/benchmark.py
	$(BIN)/python benchmarks/derivation.py

clean:
	rm -rf $(VENV) build dist *.egg-info

# setuptools comes first, pinned like the rest, so that the build needs no second environment.
$(VENV)/.created: constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 found: install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "setting up $(VENV): a few minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(PIP) setuptools
	touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(PIP) --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml
	$(PIP) --no-build-isolation --editable '.[dev]'
	touch $@ $(VENV)/.installed
