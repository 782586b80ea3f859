# make demo: install what running needs (no torch) and cut the foreground out of the sample clip
# make test: install the rest and run the tests      make lint: style and types

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e

.PHONY: demo test lint

demo: $(VENV)/.runtime-installed
	mkdir -p demo
	$(BIN)/drc run sample --out demo/scene.mp4 --masks demo/masks --overwrite
	@echo "the clip with its foreground lifted out: demo/scene.mp4 - one mask per frame: demo/masks"

test: $(VENV)/.all-installed
	$(BIN)/python -m pytest

lint: $(VENV)/.all-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The stamps say what has been installed from which requirements, so that a second call installs nothing.
$(VENV)/.runtime-installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $@

$(VENV)/.all-installed: $(VENV)/.runtime-installed
	$(INSTALL) '.[video,train,export,dev]'
	touch $@
