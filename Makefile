# Everything a learner or developer needs: `make lab` and `make test`. Only make, sh and Python >= 3.11 are assumed.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
READY_TEST = $(VENV)/.ready-test
COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	--group build pyproject.toml

# The set-up leaves compiling to the first import. If nothing were written, each kernel and worker would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: lab test unit check fix bench pictures site links lock clean

lab: $(READY)
	@sh ./lab.sh $(VENV)

# Facts and what starts processes in parallel, then the tests on the real clock, four at a time too: they hold beside two busy
# processes. Those of a lab share its runs, hence its process.
test: $(READY_TEST)
	$(BIN)/python -m pytest -n 4 --dist worksteal -rs --durations=10 -m "not clock" tests
	$(BIN)/python -m pytest -n 4 --dist loadscope -rs --durations=25 -m clock tests

unit: $(READY_TEST)
	$(BIN)/python -m pytest -n auto -m "not process and not clock and not long" tests

check: $(READY_TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src
	$(BIN)/lint-imports --no-cache

fix: $(READY_TEST)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY_TEST)
	$(BIN)/python tests/bench $(ONLY)

pictures: $(READY_TEST)
	$(BIN)/python tests/browser/pictures.py

# Pages of all notebooks as they look after their labs have measured here, in the folder `site`.
site: $(READY)
	PERFLAB_REHEARSE=5 $(BIN)/jupyter nbconvert --to html --execute --ExecutePreprocessor.store_widget_state=False \
		--ExecutePreprocessor.timeout=600 --output-dir site notebooks/*.ipynb

# Badges that open the notebooks on Binder, once pyproject.toml has the address: [project.urls] Repository = "https://…".
links: $(READY)
	$(BIN)/python docs/links.py

# Versions stay as they are locked where the ranges allow it. What the tests run is what a learner gets, hence the constraint.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv" >&2; exit 1; }
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra test --constraint requirements.lock -o requirements-test.lock

# A stamp is written last: an interrupted set-up is done again.
$(READY): requirements.lock pyproject.toml setup.sh
	@PYTHON="$(PYTHON)" sh ./setup.sh $(VENV) requirements.lock
	@touch $(READY)

# The lock for tests holds the learner's packages too. After `make lab`, only the difference is installed.
$(READY_TEST): requirements-test.lock pyproject.toml setup.sh
	@PYTHON="$(PYTHON)" sh ./setup.sh $(VENV) requirements-test.lock
	@touch $(READY) $(READY_TEST)

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis results site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
