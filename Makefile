# Needs python3 >= 3.11, make and a package index; everything else goes into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL = $(PIP) install --no-compile
# One more than there are processors, as tests wait for processes of theirs. Each worker has a database
# server, and now and then a browser, of its own: more than four gain little.
JOBS ?= $(shell nproc | awk '{ print ($$1 > 3) ? 4 : $$1 + 1 }')
# pip would do it on one processor. What holds no Python after all (templates) is of no account.
COMPILE = -@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib

.DEFAULT_GOAL := help
.PHONY: help demo lab app notebooks bytecode test test-long lint format bench docs-generated docs-check lock clean

help:           ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

# Two stamps share one environment: the demo needs a third of the packages.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo.stamp: requirements-demo.lock pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --require-hashes -r requirements-demo.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	$(COMPILE)
	touch $@

$(VENV)/.full.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	$(COMPILE)
	touch $@ $(VENV)/.demo.stamp

demo: $(VENV)/.demo.stamp  ## the whole runbook on embedded defaults, into artifacts/ and .synthlab/
	@mkdir -p .tmp
	$(BIN)/synthlab demo > .tmp/demo.json
	@echo "The same as JSON: .tmp/demo.json"

# No question whether to fetch Jupyter's news, and nothing asked of the network.
lab: $(VENV)/.full.stamp  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate notebooks

# What the page saves and exports goes to WORKSPACE; its own template asks nothing of the network.
WORKSPACE ?= .tmp/app
app: $(VENV)/.full.stamp  ## the workbench as a page without code: design, review, live
	@mkdir -p "$(abspath $(WORKSPACE))"
	cd notebooks && exec env SYNTHLAB_WORKSPACE="$(abspath $(WORKSPACE))" JUPYTER_PATH="$(CURDIR)/notebooks:$$JUPYTER_PATH" \
		$(abspath $(BIN))/voila app.ipynb $(APP_OPTIONS)

# A file to a worker, in the order of tests/conftest.py: what takes longest comes first.
# No test writes bytecode: one whose files may not grow would leave half a module to all the others.
PYTEST = PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

# Once, as hundreds of processes import it.
bytecode: $(VENV)/.full.stamp
	@$(BIN)/python -m compileall -q -j 0 synthlab

test: bytecode  ## unit, property, contract, CLI and notebook tests
	$(PYTEST) -m "not long"

test-long: bytecode  ## the tests marked `long`, and the properties with 500 examples each
	$(PYTEST) -m long
	HYPOTHESIS_PROFILE=long $(PYTEST) -m "not long" tests/properties

lint: $(VENV)/.full.stamp  ## ruff, mypy, import contracts, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory docs-check

format: $(VENV)/.full.stamp  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# glibc keeps what is freed: rounds after the first measure the code, not how fast a virtual
# machine hands out pages that nobody has touched yet.
KEEP_MEMORY = MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184

bench: $(VENV)/.full.stamp  ## measured ratios: engine, preview, CSV
	$(KEEP_MEMORY) $(BIN)/python -m benchmarks

docs-generated: $(VENV)/.full.stamp  ## write the pages that are generated from the code
	$(BIN)/python docs/generate.py

notebooks: $(VENV)/.full.stamp  ## run the notebooks and draw README's picture again
	$(BIN)/python docs/make_notebooks.py
	$(BIN)/python docs/make_images.py

docs-check: $(VENV)/.full.stamp  ## fail where a generated page is out of date
	$(BIN)/python docs/generate.py --check

# --universal: the same files serve every Python from 3.11 on.
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

lock: $(VENV)/.full.stamp  ## resolve the dependencies again
	$(BIN)/python -m pip install --quiet uv
	$(UV_COMPILE) --all-extras pyproject.toml requirements.in -o requirements.lock
	$(UV_COMPILE) --extra platform --extra live --extra plots pyproject.toml requirements.in \
		--constraint requirements.lock -o requirements-demo.lock

clean:          ## remove what the demo wrote; the environment stays
	rm -rf artifacts/*/ .synthlab .tmp/synthetic_sim_seq_state.json*
