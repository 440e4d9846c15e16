# The targets a contributor knows. Everything runs in .venv, made by `make setup` from the hashed lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup demo test check test-long bench mutation interop-nuts interop-fhir interop-whole interop-opa interop-nginx interop-validator deep fuzz lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        run the main job in a simulated region"
	@echo "make test        all tests that need nothing but Python"
	@echo "make check       lint, types, imports, docs"
	@echo "make test-long   long and large versions of the tests, and properties on inputs that nobody tried"
	@echo "make bench       the benchmark table"
	@echo "make mutation    changes the program in many small ways and counts what the tests notice"
	@echo "make fuzz        random input for the request parser, the answer check and the judge of proofs; FUZZ_SECONDS each"
	@echo "make interop-nginx   docs/how-to/nginx.md before the simulated region, with the nginx that is installed"
	@echo "make interop-nuts | interop-fhir | interop-whole | interop-opa | interop-validator   against counterparts named by environment variables"

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) tools/setup.py "$(VENV)"
	@touch $(STAMP)

setup: $(STAMP)

demo: setup
	@$(BIN)/nuts-pzp demo

test: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not long and not interop"

check: setup
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/invariants/test_docs.py tests/invariants/test_repository.py

test-long: setup
	@$(BIN)/python -m pytest -m "long"
	@$(BIN)/python -m pytest -n 2 --hypothesis-profile=searching $$(grep -rl "^from hypothesis" tests/unit tests/invariants)

bench: setup
	@$(BIN)/python tools/bench

# Needs what make setup leaves out: it is installed from its own lock.
mutation: deep
	@$(BIN)/python tools/mutation

# What make setup leaves out of the lock of its own that make mutation and make fuzz need.
deep: setup
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-deep.lock

# Its seeds run in make test as well.
FUZZ_SECONDS ?= 20
fuzz: deep
	@$(BIN)/python tools/fuzz.py --seconds $(FUZZ_SECONDS)

interop-nuts: setup
	@$(BIN)/python -m pytest -rs tests/interop/test_nuts_node.py

interop-fhir: setup
	@$(BIN)/python -m pytest -rs tests/interop/test_fhir_server.py tests/interop/test_fhir_stu3_server.py

interop-whole: setup
	@$(BIN)/python -m pytest -rs tests/interop/test_whole.py

interop-nginx: setup
	@$(BIN)/python -m pytest -rs tests/interop/test_nginx.py

interop-validator: setup
	@$(BIN)/python -m pytest -rsP tests/interop/test_validator.py

interop-opa: setup
	@$(BIN)/python -m pytest -rs tests/interop/test_opa.py

# Only who changes dependencies needs uv.
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	  --extra sandbox --extra postgres --extra xua pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	  --extra sandbox --extra postgres --extra xua --group dev pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	  --group deep -c requirements-dev.lock -o requirements-deep.lock
	printf 'gordon-to-regorus==0.13.0\n' | uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --python-version 3.11 - -o requirements-engine.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
