# Everything a learner or developer needs: `make lab` and `make test`. Only make, sh and Python >= 3.11 are assumed.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: lab test check bench pictures lock clean

lab: $(READY)
	$(BIN)/jupyter lab --LabApp.default_url=/doc/tree/00-start-here.ipynb --ServerApp.root_dir=notebooks

test: $(READY)
	$(BIN)/python -m pytest -rs tests

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src
	$(BIN)/lint-imports --no-cache

bench: $(READY)
	$(BIN)/python tests/bench $(ONLY)

pictures: $(READY)
	$(BIN)/python tests/browser/pictures.py

lock: $(READY)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv" >&2; exit 1; }
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --extra test \
		--python-version 3.11 pyproject.toml -o requirements.lock

# The stamp is written last: an interrupted set-up is done again.
$(READY): requirements.lock pyproject.toml setup.sh
	@PYTHON="$(PYTHON)" sh ./setup.sh $(VENV)
	@touch $(READY)

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
