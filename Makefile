# Firstcause: `make help` lists the targets. `make demo` and `make test` do all of their own
# set-up; a second run reuses what is there, and a changed lock or pom.xml redoes its part.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Companies put their own certificates where the system keeps them.
export UV_SYSTEM_CERTS ?= 1

VENV := .venv
BIN := $(VENV)/bin
# Where the service jars are; the settings read the same name.
JARS_DIR ?= $(or $(shell sed -n 's/^JARS_DIR=//p' .env 2>/dev/null),.firstcause/jars)
JAR_PROFILES := kafka cassandra spark
JARS := $(JAR_PROFILES:%=$(JARS_DIR)/%/.complete)
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

say = @printf '==> %s\n'

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	  printf '  make %-8s %s\n' "$$name" "$$text"; done

# The Python packages and the jars are fetched beside each other.
.PHONY: demo
demo: ## Everything from nothing to an incident. INPUT=FILE replays that file; KEEP=0 stops all at the end
	@$(MAKE) -j 2 install jars
	@$(BIN)/firstcause demo $(if $(INPUT),--input "$(INPUT)") $(if $(filter 0,$(KEEP)),--no-keep)

.PHONY: test
test: ## All tests, two at a time (real services on their own ports). ARGS=... goes to pytest
	@$(MAKE) -j 2 install-dev jars
	@$(MAKE) prometheus || echo 'Tests that need Prometheus are skipped.'
	@$(MAKE) redis || echo 'Tests that need Redis are skipped.'
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses 2 --dist loadfile --no-loadscope-reorder tests)

.PHONY: lint
lint: install-dev ## ruff, mypy and the import rules
	$(say) 'ruff'
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	$(say) 'mypy'
	@$(BIN)/mypy --no-error-summary
	$(say) 'import rules'
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

.PHONY: bench
bench: install-dev jars ## The benchmarks, each beside its reference
	@$(BIN)/python -m bench

.PHONY: up
up: install jars ## Start the local services
	@$(BIN)/firstcause up

.PHONY: down
down: install ## Stop them; the data stays
	@$(BIN)/firstcause down

.PHONY: status
status: install ## Show them
	@$(BIN)/firstcause status

.PHONY: lock
lock: install-dev ## Resolve pyproject.toml into the hash-locked requirements again
	@export UV_CUSTOM_COMPILE_COMMAND='make lock'; \
	compile() { $(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 pyproject.toml "$$@"; }; \
	compile -o requirements.txt && compile --extra dev -c requirements.txt -o requirements-dev.txt

.PHONY: docs
docs: install-dev ## The documents as a site, in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.PHONY: licences
licences: install-dev ## Write docs/licences.md: the licence of each package and jar
	@$(BIN)/python docs/licences_page.py

.PHONY: clean
clean: ## Stop the services; remove the environment, the jars and all caches. The data stays
	@if [ -x $(BIN)/firstcause ]; then $(BIN)/firstcause down; fi
	@rm -rf $(VENV) $(JAR_PROFILES:%=$(JARS_DIR)/%) $(JARS_DIR)/debian $(JARS_DIR)/redis .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache site

# --- set-up -----------------------------------------------------------------------------------

.PHONY: install
install: $(RUN_STAMP)
	@:

.PHONY: install-dev
install-dev: $(DEV_STAMP)
	@:

.PHONY: jars
jars: $(JARS)
	@:

# Nothing is installed and no service of Debian's starts: the packages are only unpacked.
.PHONY: prometheus
prometheus: $(JARS_DIR)/debian/.complete ## Fetch Prometheus and Alertmanager from Debian's packages, beside the jars
	@:

.PHONY: redis
redis: $(JARS_DIR)/redis/.complete ## Fetch Redis from Debian's packages, beside the jars, for tests
	@:

$(JARS_DIR)/debian/.complete: PACKAGES := prometheus prometheus-alertmanager
$(JARS_DIR)/redis/.complete: PACKAGES := redis-server redis-tools libjemalloc2 liblzf1

$(JARS_DIR)/debian/.complete $(JARS_DIR)/redis/.complete:
	$(say) '$(PACKAGES)'
	@command -v apt-get >/dev/null || { echo 'No apt-get here: put the programs of $(PACKAGES) on the PATH instead.' >&2; exit 1; }
	@rm -rf $(@D) && mkdir -p $(@D)/packages
	@cd $(@D)/packages; asked='-o Acquire::Retries=0 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10'; \
	fetch() { apt-get download -q $$asked $(PACKAGES); }; \
	{ fetch || { apt-get update -qq $$asked && fetch; }; } </dev/null >../fetch.log 2>&1 \
	  || { tail -n 3 ../fetch.log; echo 'Debian does not give $(PACKAGES).' >&2; exit 1; }
	@for package in $(@D)/packages/*.deb; do dpkg-deb -x "$$package" $(@D); done; rm -rf $(@D)/packages; touch $@

# What must be there before Python is. Each lack is one line with what mends it; on Debian as
# root the packages are installed instead.
.PHONY: prerequisites
prerequisites:
	@is_python_311() { "$$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }; \
	is_java_17() { "$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version 2>&1 | grep -q 'version "17'; }; \
	packages=(); lacks=(); \
	if [ ! -x $(BIN)/python ]; then \
	  found=; for python in python3.11 /usr/bin/python3.11 python3 python; do \
	    if is_python_311 "$$python"; then found=1; break; fi; done; \
	  [ -n "$$found" ] || { packages+=(python3.11 python3.11-venv); lacks+=("Python 3.11 with venv is missing"); }; \
	fi; \
	is_java_17 || { packages+=(openjdk-17-jre-headless); lacks+=("Java 17 is missing (or JAVA_HOME names another)"); }; \
	command -v mvn >/dev/null || { packages+=(maven); lacks+=("Maven is missing"); }; \
	[ $${#packages[@]} -gt 0 ] || exit 0; \
	if [ -e /etc/debian_version ] && [ "$$(id -u)" = 0 ] && [ -z "$${JAVA_HOME:-}" ]; then \
	  printf '==> installing %s\n' "$${packages[*]}"; \
	  log=$$(mktemp); \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${packages[@]}"; } </dev/null >"$$log" 2>&1 \
	    || { tail -n 5 "$$log"; rm -f "$$log"; echo "These packages could not be installed: apt-get install $${packages[*]}" >&2; exit 1; }; \
	  rm -f "$$log"; \
	else \
	  printf '%s; ' "$${lacks[@]}" >&2; \
	  echo "mend it with: $${JAVA_HOME:+unset JAVA_HOME; }apt-get install -y $${packages[*]}" >&2; exit 1; \
	fi

$(BIN)/uv: requirements-bootstrap.txt | prerequisites
	$(say) 'Python environment ($(VENV))'
	@for python in python3.11 /usr/bin/python3.11 python3 python; do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then \
	    "$$python" -m venv $(VENV); break; fi; done
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@touch $@

# `uv pip install` and not `sync`: the one lock is part of the other, and neither undoes the other.
$(RUN_STAMP): requirements.txt pyproject.toml $(BIN)/uv | prerequisites
	$(say) 'Python packages (requirements.txt)'
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(RUN_STAMP)
	$(say) 'Python packages (requirements-dev.txt)'
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements-dev.txt
	@touch $@

# One after the other: two Maven processes must not write to one local repository.
$(JARS_DIR)/cassandra/.complete: | $(JARS_DIR)/kafka/.complete
$(JARS_DIR)/spark/.complete: | $(JARS_DIR)/cassandra/.complete

$(JARS_DIR)/%/.complete: deploy/pom.xml | prerequisites
	$(say) 'Service jars: $*'
	@rm -rf $(@D) && mkdir -p $(@D)
	@mvn -q -B -ntp -f deploy/pom.xml -P $* dependency:copy-dependencies \
	  -DoutputDirectory="$(abspath $(@D))" </dev/null >$(@D)/maven.log 2>&1 || { tail -n 20 $(@D)/maven.log >&2; exit 1; }
	@touch $@
