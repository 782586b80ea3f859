# make demo: install what running needs (no torch) and cut the foreground out of the sample clip
# make test: install the rest and run the tests      make lint: style and types
# make test-lowest: the runtime's tests with the lowest versions that pyproject.toml allows (LOWEST=all: all tests)
# make native: the C++ runtime and drc-live (build/native-release)      make native-test: its tests
# make native-sanitize: the same tests under ASan with UBSan, and under TSan
# make native-fuzz: both fuzz targets, FUZZ_SECONDS each (needs clang)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e

.PHONY: demo test test-lowest lint native native-test native-sanitize native-fuzz

demo: $(VENV)/.runtime-installed
	mkdir -p demo
	$(BIN)/drc run sample --out demo/scene.mp4 --masks demo/masks --overwrite
	@echo "The clip with its foreground cut out: demo/scene.mp4. One mask for each frame: demo/masks."
	@echo "Next: source $(BIN)/activate"

test: $(VENV)/.all-installed
	$(BIN)/python -m pytest

LOWEST ?= base

test-lowest:
	.ci/lowest $(LOWEST)

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
	$(INSTALL) '.[web,train,export,dev]'
	touch $@

# Missing Debian packages are listed; as root they are installed after that. ONNXRUNTIME_ROOT names another ONNX Runtime.
NATIVE_PRESET ?= release
NATIVE_JOBS ?= $(shell nproc)
NATIVE_TESTS ?= OFF
FUZZ_SECONDS ?= 300

native: $(VENV)/.runtime-installed
	roots=$$(sh cmake/native_dependencies.sh "$(CURDIR)/build/onnxruntime-headers" \
		"$$(cd $(BIN) && ./python -c 'import onnxruntime; print(onnxruntime.__path__[0])')" \
		$(if $(filter ON,$(NATIVE_TESTS)),doctest-dev)) && \
	cmake --preset $(NATIVE_PRESET) -DDRC_BUILD_TESTS=$(NATIVE_TESTS) $${roots:+-DONNXRUNTIME_ROOT="$$roots"}
	cmake --build --preset $(NATIVE_PRESET) --parallel $(NATIVE_JOBS) $(addprefix --target ,$(NATIVE_TARGETS))

# drc itself is needed as well: its masks are what the native ones are compared with
native-test: NATIVE_TESTS := ON
native-test: $(VENV)/.all-installed native
	ctest --preset $(NATIVE_PRESET)

native-sanitize:
	$(MAKE) native-test NATIVE_PRESET=asan-ubsan
	$(MAKE) native-test NATIVE_PRESET=tsan

native-fuzz: $(VENV)/.all-installed
	@command -v clang++ >/dev/null || { echo "the fuzz targets need clang with libFuzzer; run: sudo apt-get install clang libclang-rt-dev" >&2; exit 1; }
	$(MAKE) native NATIVE_PRESET=fuzz NATIVE_TESTS=ON NATIVE_TARGETS="drc_fuzz_manifest drc_fuzz_bundle"
	$(BIN)/python tests/native/golden.py build/native-fuzz/tests/native/golden
	$(BIN)/python benchmarks/native_fuzz.py --seconds $(FUZZ_SECONDS)
