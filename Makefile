# Commands for developers. `make run` and `make test` install their environments: they need python3.13 and
# make, and a network the first time. Environments are rebuilt only if their locked requirements change.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.13
UV     := .tools/uv/bin/uv
BIN    := .venv/bin

# The emulator and SAM CLI pin other versions of botocore, so each has its own environment.
VENV      := .venv/.stamp
MINISTACK := .tools/ministack/.stamp
SAM       := .tools/sam/.stamp
NODE      := web/node_modules/.stamp
PAGE      := web/dist/index.html
PASSWORDS := .tools/passwords/.stamp
DOCS      := .tools/docs/.stamp
LAMBDA    := .tools/benchmarks/.stamp
READER    := docs/node_modules/.stamp
CLIENT    := clients/typescript/node_modules/.stamp

# A worker of each processor takes one file after the other, the longest first (tests/conftest.py).
SPREAD     := pytest -n auto --dist loadfile --no-loadscope-reorder --disable-socket --allow-unix-socket
CODE_TESTS := $(BIN)/python -m $(SPREAD)
# More than ten thousand runs: two processes with a stack each.
TWO_STACKS := tests/integration/test_interleavings_on_the_stack.py

# Validation of the template doesn't call AWS, so any region works.
export AWS_DEFAULT_REGION ?= eu-west-1
export SAM_CLI_TELEMETRY  := 0

##@ Development

.PHONY: run
run: $(VENV) $(MINISTACK) $(SAM) $(PAGE) ## Build, deploy and serve the service on a local stack (PORT, EMULATOR_PORT)
	@exec $(BIN)/python -m tools.local

.PHONY: test
test: $(VENV) $(MINISTACK) $(SAM) $(PAGE) $(CLIENT) browser ## Run every test: on a private stack, and all others beside it
	@$(MAKE) --no-print-directory --keep-going -j4 test-stack test-own-stacks test-code test-client

# Tests call make, too. Theirs is not a part of this one.
UNRELATED := env -u MAKEFLAGS -u MFLAGS

.PHONY: test-stack
test-stack: $(VENV) $(MINISTACK) $(SAM) $(PAGE) $(CLIENT) browser ## Run the tests on a private stack
	$(UNRELATED) $(BIN)/python -m pytest -m "integration and not own_stack and not slow"

# What runs beside the stack shows its output when it is done.
BESIDE = log=$$(mktemp); trap 'cat "$$log"; rm "$$log"' EXIT; >"$$log" 2>&1 $(UNRELATED)

.PHONY: test-own-stacks
test-own-stacks: $(VENV) $(MINISTACK) $(SAM) $(PAGE) ## Run the tests that start emulators and stacks of their own
	@$(BESIDE) nice -n 10 $(BIN)/python -m pytest -m "own_stack and not slow"

# The functions of the stack have the time limits of AWS, so the stack comes first on the processor.
.PHONY: test-code
test-code: $(VENV) $(SAM) $(PAGE) ## Run the tests that need no stack
	@$(BESIDE) nice -n 19 $(CODE_TESTS) -m "not integration and not slow"

.PHONY: test-client
test-client: $(CLIENT) ## Run the tests of the TypeScript client
	@$(BESIDE) npm --prefix clients/typescript test --silent

.PHONY: test-full
test-full: $(VENV) $(MINISTACK) $(SAM) $(PAGE) $(CLIENT) browser ## Run the slow tests too
	$(CODE_TESTS) -m "not integration"
	cd clients/typescript && npm test --silent
	$(BIN)/python -m pytest -m integration --ignore=$(TWO_STACKS)
	$(BIN)/python -m pytest -n 2 -m integration $(TWO_STACKS)

QUICK := -m "not integration and not slow and not heavy" tests/unit tests/storage tests/functions tests/contract

.PHONY: test-fast
test-fast: $(VENV) ## Run the quick tests only, in less than two minutes: for every save
	$(CODE_TESTS) $(QUICK)

# Without the files that run the same lines thousands of times, or another process.
MEASURED := -m "not integration and not slow" tests/unit tests/storage tests/functions tests/contract \
  -k "not (interleavings or campaign or test_imports or test_permissions or test_transformed_template)"

.PHONY: coverage
coverage: $(VENV) $(SAM) $(PAGE) ## Measure branch coverage; each package of latchkey has at least 95 %
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m $(SPREAD) $(MEASURED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage json --quiet -o .coverage.json
	$(BIN)/coverage report --skip-covered --skip-empty
	$(BIN)/python -m tools.coverage_floor .coverage.json

.PHONY: mutate
mutate: $(VENV) $(PAGE) ## Change the code at hundreds of places, and list what no test notices (FILES TESTS LINES SEED)
	$(BIN)/python -m tools.mutate $(FILES) $(if $(TESTS),--tests $(TESTS)) $(if $(LINES),--lines $(LINES)) $(if $(SEED),--seed $(SEED))

.PHONY: cold-start
cold-start: $(VENV) $(LAMBDA) ## Count the instructions of cold starts and calls with Valgrind (FUNCTIONS="authorizer get_me")
	PYTHONPATH=.:layers/shared $(BIN)/python -m benchmarks.cold_start $(FUNCTIONS)

.PHONY: beside-better-auth
beside-better-auth: $(VENV) $(LAMBDA) ## Measure the processor time of an authorized list beside Better Auth on SQLite
	npm ci --prefix benchmarks/better_auth --no-audit --no-fund --silent
	PYTHONPATH=.:layers/shared $(BIN)/python -m benchmarks.beside_better_auth

.PHONY: check
check: $(VENV) $(SAM) $(CLIENT) ## Check format, lint, types, imports, template, and freshness of generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=layers/shared $(BIN)/lint-imports
	$(BIN)/python -m tools.assemble --check
	$(BIN)/cfn-lint template.yaml deploy/github-oidc.yaml
	.tools/sam/bin/sam validate --lint
	PYTHONPATH=layers/shared $(BIN)/python -m tools.deployable
	$(BIN)/python -m tools.openapi --check
	cd clients/typescript && npm run check --silent

.PHONY: fmt
fmt: $(VENV) ## Format the code and apply the fixes of ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

##@ Generators

.PHONY: endpoint
endpoint: $(VENV) $(CLIENT) ## Write a new endpoint (NAME=verb_noun ROUTE="GET /api/v1/…" CALLER=signed_in)
	@$(BIN)/python -m tools.new_endpoint "$${NAME:-}" "$${ROUTE:-}" "$${CALLER:-}"
	@$(BIN)/python -m tools.openapi
	@cd clients/typescript && npm run generate --silent

.PHONY: parameter
parameter: $(VENV) ## Write a new parameter of the template (NAME=AdminSessionLimit GROUP="…" DEFAULT=5 DESCRIPTION="…")
	@$(BIN)/python -m tools.new_parameter "$${NAME:-}" "$${GROUP:-}" "$${DEFAULT:-}" "$${DESCRIPTION:-}"

.PHONY: template
template: $(VENV) ## Generate template.yaml from template/
	$(BIN)/python -m tools.assemble

.PHONY: openapi
openapi: $(VENV) $(CLIENT) ## Generate openapi.json from the handlers and the template, and the clients from it
	$(BIN)/python -m tools.openapi
	cd clients/typescript && npm run generate --silent

.PHONY: client
client: $(CLIENT) ## Generate the TypeScript client from openapi.json
	cd clients/typescript && npm run generate --silent

.PHONY: build
build: $(SAM) ## Build what `sam deploy` uploads to AWS
	.tools/sam/bin/sam build

##@ On AWS (KEY=VALUE: any parameter of template.yaml)

# The variables of make's command line. tools/profiles.py reads their values from the environment.
GIVEN = GIVEN="$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))"

.PHONY: preflight
preflight: $(VENV) $(SAM) ## Check the AWS account, read-only, for causes of a failed deploy (PROFILE=dev|prod|hipaa KEY=VALUE)
	@$(GIVEN) $(BIN)/python -m tools.preflight $(or $(PROFILE),dev)

.PHONY: deploy
deploy: $(VENV) $(SAM) $(PAGE) ## Check, build, show the change set, deploy, publish (PROFILE=dev|prod|hipaa KEY=VALUE YES=1)
	@$(GIVEN) $(BIN)/python -m tools.deploy $(or $(PROFILE),dev)

.PHONY: changeset
changeset: $(VENV) $(SAM) ## Check, build and create a change set without executing it (PROFILE KEY=VALUE)
	@$(GIVEN) $(BIN)/python -m tools.deploy --changeset $(or $(PROFILE),dev)

.PHONY: execute
execute: $(VENV) ## Execute a change set (STACK CHANGE_SET)
	@test -n "$(STACK)" -a -n "$(CHANGE_SET)" || { echo "usage: make execute STACK=latchkey CHANGE_SET=arn:…" >&2; exit 2; }
	@$(BIN)/python -m tools.changeset execute $(STACK) $(CHANGE_SET)

.PHONY: show-changeset
show-changeset: $(VENV) ## Show what the newest change set would change; replaced and removed first (STACK=latchkey)
	@$(BIN)/python -m tools.changeset show $(or $(STACK),latchkey)

.PHONY: publish-page
publish-page: $(VENV) $(PAGE) ## Upload the page of a stack (STACK=latchkey)
	@$(BIN)/python -m tools.publish_page $(or $(STACK),latchkey)

.PHONY: smoke
smoke: $(VENV) ## Test a deployed stack from outside and clean up (URL REGISTER=1 STACK SMOKE_EMAIL …)
	@test -n "$(URL)$(STACK)" || { echo "usage: make smoke URL=https://accounts.example.com" >&2; exit 2; }
	@$(BIN)/python -m tools.smoke $(URL)

.PHONY: backup-keys
backup-keys: $(VENV) ## Save a stack's keys, which AWS Backup does not include, to an encrypted file (STACK FILE)
	@$(BIN)/python -m tools.recovery.stack_keys backup $(or $(STACK),latchkey) $(or $(FILE),$(or $(STACK),latchkey).keys)

.PHONY: restore-keys
restore-keys: $(VENV) ## Restore a stack's keys from the file (STACK FILE OVERWRITE=1)
	@$(BIN)/python -m tools.recovery.stack_keys restore $(or $(STACK),latchkey) $(or $(FILE),$(or $(STACK),latchkey).keys) $(if $(OVERWRITE),--overwrite)

.PHONY: copy-keys
copy-keys: $(VENV) ## Copy a stack's keys to another region's Parameter Store (STACK REGION KMS_KEY OVERWRITE=1)
	@test -n "$(REGION)" || { echo "usage: make copy-keys REGION=eu-central-1" >&2; exit 2; }
	@$(BIN)/python -m tools.recovery.stack_keys copy $(or $(STACK),latchkey) $(REGION) $(if $(KMS_KEY),--kms-key $(KMS_KEY)) $(if $(OVERWRITE),--overwrite)

.PHONY: new-signing-keys
new-signing-keys: $(VENV) ## Create signing keys and peppers where they are lost (STACK=latchkey)
	@$(BIN)/python -m tools.invoke $(or $(STACK),latchkey) RotateSigningKeysFunction '{"RequestType": "Update"}'

.PHONY: new-audit-key
new-audit-key: $(VENV) ## Create the key of the audit trail where it is lost (STACK=latchkey)
	@$(BIN)/python -m tools.invoke $(or $(STACK),latchkey) AnchorAuditFunction '{"RequestType": "Update"}'

.PHONY: restore-table
restore-table: $(VENV) ## Restore accounts from a copy of the table, except erased ones (STACK COPY AT AUDIT_COPY REALLY=1)
	@test -n "$(COPY)" -a -n "$(AT)" || { echo "usage: make restore-table COPY=latchkey-copy AT=2026-01-02T03:04:05Z" >&2; exit 2; }
	@PYTHONPATH=layers/shared $(BIN)/python -m tools.recovery.restore --stack $(or $(STACK),latchkey) --copy $(COPY) --at $(AT) $(if $(AUDIT_COPY),--audit-copy $(AUDIT_COPY)) $(if $(REALLY),--really)

.PHONY: teardown
teardown: $(VENV) ## List what remains of a deleted stack; CONFIRM=<stack> deletes everything (STACK)
	@$(BIN)/python -m tools.recovery.teardown $(or $(STACK),latchkey) $(if $(CONFIRM),--confirm $(CONFIRM))

.PHONY: fetch-audit
fetch-audit: $(VENV) ## Copy the audit trail with its anchors and witnesses into a folder (STACK=latchkey COPY=folder)
	@test -n "$(COPY)" || { echo "usage: make fetch-audit STACK=latchkey COPY=folder" >&2; exit 2; }
	@PYTHONPATH=layers/shared $(BIN)/python -m tools.audit fetch $(COPY) --stack $(or $(STACK),latchkey)

.PHONY: verify-audit
verify-audit: $(VENV) ## Verify such a copy, offline (COPY=folder KEYS=public-keys.json)
	@test -n "$(COPY)" -a -n "$(KEYS)" || { echo "usage: make verify-audit COPY=folder KEYS=public-keys.json" >&2; exit 2; }
	@PYTHONPATH=layers/shared $(BIN)/python -m tools.audit verify $(COPY) --keys $(KEYS)

.PHONY: redrive-audit
redrive-audit: $(VENV) ## Record the log lines that record_requests could not (STACK=latchkey)
	@PYTHONPATH=layers/shared $(BIN)/python -m tools.audit redrive --stack $(or $(STACK),latchkey)

.PHONY: rebuild-index
rebuild-index: $(VENV) ## Rebuild the index of requests from a verified copy (STACK=latchkey COPY=folder SINCE=day UNTIL=day)
	@test -n "$(COPY)" -a -n "$(SINCE)" -a -n "$(UNTIL)" || { echo "usage: make rebuild-index STACK=latchkey COPY=folder SINCE=2026-01-01 UNTIL=2026-01-09" >&2; exit 2; }
	@PYTHONPATH=layers/shared $(BIN)/python -m tools.audit rebuild $(COPY) --stack $(or $(STACK),latchkey) --since $(SINCE) --until $(UNTIL)

.PHONY: admin
admin: $(VENV) ## Make an account an administrator (EMAIL=ada@example.com, STACK=latchkey)
	@$(BIN)/python -m tools.invoke $(or $(STACK),latchkey) GrantAdminFunction '{"email": "$(EMAIL)"}'

.PHONY: allow-mail
allow-mail: $(VENV) ## Allow emails again to an address that bounced or complained (EMAIL=ada@example.com, STACK=latchkey)
	@$(BIN)/python -m tools.allow_mail $(or $(STACK),latchkey) '$(EMAIL)'

.PHONY: redrive-exports
redrive-exports: $(VENV) ## Restart failed exports after the cause was repaired (STACK=latchkey)
	@$(BIN)/python -m tools.invoke $(or $(STACK),latchkey) CleanupFunction '{"task": "redrive_exports"}'

.PHONY: redrive-mails
redrive-mails: $(VENV) ## Deliver failed emails again after the cause was repaired (STACK=latchkey)
	@$(BIN)/python -m tools.dead_letters $(or $(STACK),latchkey) Mail

.PHONY: common-passwords
common-passwords: $(PASSWORDS) ## Generate the filter of common passwords from public lists (requirements/passwords.txt)
	PYTHONPATH=layers/shared .tools/passwords/bin/python -m tools.common_passwords build

.PHONY: measure-passwords
measure-passwords: $(PASSWORDS) ## Measure accepted passwords of public lists and refused random phrases (LISTS=file…)
	PYTHONPATH=layers/shared .tools/passwords/bin/python -m tools.common_passwords measure $(LISTS)

.PHONY: lock
lock: $(UV) ## Compile requirements/*.txt from requirements/*.in (UPGRADE=1: newest versions)
	for name in runtime media dev benchmarks docs ministack sam passwords; do \
	  $(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) \
	    --output-file requirements/$$name.txt requirements/$$name.in; \
	done
	cp requirements/runtime.txt layers/shared/requirements.txt
	cp requirements/media.txt layers/media/requirements.txt

.PHONY: docs
docs: $(VENV) $(DOCS) $(READER) ## Build the documentation site into .docs/site; a broken link fails
	$(BIN)/python -m tools.docs_site

.PHONY: release-notes
release-notes: ## Print the notes of a release, from the CHANGELOG (TAG=vX.Y.Z)
	@$(PYTHON) -m tools.release_notes "$${TAG:-}"

.PHONY: page
page: $(PAGE) ## Build the page and the element into web/dist

.PHONY: clean
clean: ## Remove all build outputs and environments
	rm -rf .aws-sam .coverage* .docs .venv .tools docs/node_modules web/dist web/node_modules clients/typescript/dist clients/typescript/node_modules .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environments ---------------------------------------------------------------------------------

$(UV):
	@echo "uv"
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(VENV): requirements/dev.txt
$(MINISTACK): requirements/ministack.txt
$(SAM): requirements/sam.txt
$(PASSWORDS): requirements/passwords.txt
$(DOCS): requirements/docs.txt
$(LAMBDA): requirements/benchmarks.txt
$(VENV) $(MINISTACK) $(SAM) $(PASSWORDS) $(DOCS) $(LAMBDA): | $(UV)
	@echo "$(@D) <- $<"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@

# --- the page -------------------------------------------------------------------------------------

$(NODE): web/package-lock.json
	@command -v npm >/dev/null || { echo "The page is built with Node 20 or newer, and there is no npm here." >&2; exit 1; }
	@echo "web/node_modules <- $<"
	@cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The page bundles the client from its source, so the client needs no installation.
$(PAGE): $(NODE) web/index.html web/build.mjs web/tsconfig.json $(shell find web/src clients/typescript/src -type f)
	@echo "web/dist"
	@cd web && npx --no-install tsc --noEmit && node build.mjs

# --- the documentation ----------------------------------------------------------------------------

# Its only script that runs on installation counts downloads.
$(READER): docs/package-lock.json
	@command -v npm >/dev/null || { echo "The API reference needs npm, of Node 20 or newer." >&2; exit 1; }
	@echo "docs/node_modules <- $<"
	@cd docs && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# --- the client -----------------------------------------------------------------------------------

$(CLIENT): clients/typescript/package-lock.json
	@command -v npm >/dev/null || { echo "The client is built with Node 20 or newer, and there is no npm here." >&2; exit 1; }
	@echo "clients/typescript/node_modules <- $<"
	@cd clients/typescript && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: browser
browser:
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || { \
	  echo "chromium <- apt-get"; apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || { \
	  echo "The page is tested in Chromium: install it, or set CHROMIUM to where it is." >&2; exit 1; }
