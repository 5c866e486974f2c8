# PolicyStore. `make` alone explains the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-node24 check contract generated bench demo build generate format clean services

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Two makes at once install and build one after the other. Where there is no flock (not Linux), they do not wait.
LOCK := $(if $(shell command -v flock),flock -o Makefile)

PACKAGES := node_modules/.package-lock.json
BUILT := server/dist/.built
SOURCES := $(shell find clients/typescript/src clients/cli/src server/src -type f) \
  package.json tsconfig.json clients/typescript/tsconfig.json clients/cli/tsconfig.json server/tsconfig.json

help:
	@echo 'PolicyStore: needs Node >= 20.19 (24 recommended), npm and make. Targets:'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(BUILT) ## start the server; settings come from the environment: POLICY_STORE=redis://… or postgres://… make run
	@POLICY_LOG_FORMAT="$${POLICY_LOG_FORMAT:-pretty}" exec node server/dist/main.js

test: $(BUILT) services ## run every test; takes Redis, PostgreSQL, Chromium and promtool from apt, or TEST_REDIS_URL and TEST_POSTGRES_URL
	@tsx test/run.ts

check: $(PACKAGES) ## what needs no service: format, lint, types, contract, generated code, unit tests, embedded stores
	@prettier --check --log-level warn .
	@$(LOCK) tsc -b
	@eslint --max-warnings 0 .
	@$(MAKE) --no-print-directory contract generated
	@tsx test/run.ts unit conformance/memory conformance/sqlite

bench: $(BUILT) services ## measure against a bare gRPC server, and against etcd where it is installed
	@tsx test/bench/main.ts

demo: $(BUILT) ## a trading day in half a minute: every component on a server of its own, and whether all obeyed the policy
	@tsx test/demo/main.ts

build: $(BUILT) ## compile the client, policyctl and the server

generate: $(PACKAGES) ## write the generated code and the descriptors again, from proto/
	@buf generate -o $(OUT)
	@buf generate --template server/buf.gen.yaml -o $(OUT)
	@mkdir -p $(OUT)/server && buf build --as-file-descriptor-set -o $(OUT)/server/descriptors.binpb
generate: OUT ?= .

format: $(PACKAGES) ## format the sources
	@prettier --write --log-level warn .
	@buf format --write --path proto/quantumtrader

clean: ## remove what was built (the data of `make run` stays)
	@rm -rf clients/*/dist server/dist test/*.tsbuildinfo .tools

test-node24: $(BUILT) ## run every test on Node 24, fetched through npm into .tools/
	@npm install --silent --no-save --no-package-lock --prefix .tools/node24 $(NODE24)@24
	@export PATH='$(CURDIR)/.tools/node24/node_modules/$(NODE24)/bin':"$$PATH" && node --version && $(MAKE) --no-print-directory test
test-node24: NODE24 = node-$(shell node -p 'process.platform + "-" + process.arch')

# The contract against the commit before, read through `git archive` so that a shallow clone is enough. Where there
# is no commit before (depth 1, no git) or it had no contract, there is nothing to break.
contract: $(PACKAGES)
	@buf lint
	@buf format --diff --exit-code --path proto/quantumtrader
	@if { git cat-file -e HEAD~1:buf.yaml && git cat-file -e HEAD~1:proto; } 2>/dev/null; then \
	  old=$$(mktemp -d) && trap 'rm -rf "$$old"' EXIT && \
	  git archive HEAD~1 buf.yaml proto | tar -x -C "$$old" && buf breaking --against "$$old"; \
	else echo 'buf breaking: no commit before this one to compare with'; fi

GENERATED := clients/typescript/src/gen server/src/grpc/gen server/descriptors.binpb

generated: $(PACKAGES)
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && \
	$(MAKE) --no-print-directory generate OUT="$$new" && \
	for path in $(GENERATED); do \
	  diff -r "$$path" "$$new/$$path" || { echo "$$path is not what proto/ generates: run make generate"; exit 1; }; \
	done

$(PACKAGES): package-lock.json
	@$(LOCK) sh -c '[ $@ -nt package-lock.json ] || npm ci --no-audit --no-fund'

$(BUILT): $(PACKAGES) $(SOURCES)
	@$(LOCK) sh -c 'npm run --silent build && touch $@'

AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo)
# The tests start servers of their own: the environment keeps the packages from starting theirs.
APT := $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 RUNLEVEL=1 apt-get

# In one go, for apt serves one at a time.
services:
	@missing=; \
	[ -n "$$TEST_REDIS_URL" ] || { command -v redis-server && command -v redis-sentinel; } >/dev/null || \
	  missing="$$missing redis-server redis-sentinel"; \
	[ -n "$$TEST_POSTGRES_URL" ] || { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || \
	  missing="$$missing postgresql"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	[ -n "$$missing" ] || exit 0; \
	command="apt-get update && apt-get install -y --no-install-recommends$$missing"; \
	echo "The tests need what is missing here; installing it: $$command"; \
	{ $(APT) update && $(APT) install -y --no-install-recommends$$missing; } || { \
	  echo "It could not be installed. As root: $$command" >&2; exit 1; }
