# Two commands set everything up: `make up` and `make test`. `make help` lists
# the rest. Everything built lands in bin/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A prebuilt control plane is taken with ROADBED_KUBE=path; nothing is compiled then.
BUILT_KUBE := $(CURDIR)/bin/roadbed-kube
override ROADBED_KUBE := $(abspath $(or $(ROADBED_KUBE),$(BUILT_KUBE)))
export ROADBED_KUBE

# As the product is built: what the control plane, the linter and the tests have
# in common is compiled once. The race detector needs cgo.
export CGO_ENABLED := 0

TOOLS := $(CURDIR)/bin/tools
export GOLANGCI_LINT_CACHE ?= $(CURDIR)/bin/lint-cache

# Packages with goroutines or locks of ours: always under the race detector. Of
# those that have none and are used by many, the tests that do so.
POLICY := ./internal/domain/policy
GATEWAY := ./internal/domain/gateway
RACE := ./internal/kernel/... ./internal/standalone/... \
	$(addprefix ./internal/domain/tenancy/,estate offboard) $(addprefix $(POLICY)/,\
	background cluster enforce history images/memory impact inforce lane override/operator reportapi scan webhook) \
	$(addprefix $(GATEWAY)/,authn fair limit)
RACE_AT_ONCE := -run 'AtOnce|Overshoot' ./internal/domain/tenancy/operator $(POLICY)/engine $(POLICY)/legacy
# Two packages at a time, so that tests that drive the API server keep pace. What
# vet looks for, lint has found.
GO_TEST := go test -p 2 -timeout 15m -vet=off
RACE_TEST := CGO_ENABLED=1 $(GO_TEST) -race
WITH_KUBE := go run ./internal/kubetest/withkube --
FUZZ_TIME ?= 20s
COUNT ?= 1

##@ Run

.PHONY: up
up: preflight build ## Start the platform on this machine and load the examples
	@bin/roadbed up --examples

.PHONY: down
down: ## Stop the platform; its data stays
	@bin/roadbed down

.PHONY: preflight
preflight: $(TOOLS)/preflight
	@$(TOOLS)/preflight

##@ Build

.PHONY: build
build: kube bin/roadbed ## Build the product and the embedded control plane into bin/

.PHONY: bin/roadbed
bin/roadbed:
	@go build -o $@ ./cmd/roadbed

.PHONY: kube
ifeq ($(ROADBED_KUBE),$(BUILT_KUBE))
kube: $(TOOLS)/kubebuild ## Build the embedded control plane, if its sources changed
	@$(TOOLS)/kubebuild -module kube -out bin/roadbed-kube
else
kube:
	@test -x "$(ROADBED_KUBE)" || { echo "ROADBED_KUBE=$(ROADBED_KUBE) is no executable" >&2; exit 1; }
	@echo "using the control plane $(ROADBED_KUBE)"
endif

.PHONY: tools
tools: $(addprefix $(TOOLS)/,controller-gen golangci-lint stages freshness) ## Build the developer tools into bin/tools/

# A tool is built again when its module or the Go version changes.
GO_STAMP := $(TOOLS)/.$(shell go env GOVERSION)
$(GO_STAMP):
	@mkdir -p $(TOOLS) && rm -f $(TOOLS)/.go* && touch $@

$(TOOLS)/controller-gen: tools/go.mod tools/go.sum $(GO_STAMP)
	@go -C tools build -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(TOOLS)/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/go.sum $(GO_STAMP)
	@echo "building golangci-lint; this takes about two minutes, once"
	@go -C tools/golangci-lint build -ldflags '-s -w' -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(TOOLS)/%: $(wildcard tools/*/*.go) tools/go.mod $(GO_STAMP)
	@go -C tools build -o $@ ./$*

##@ Check

# Where tests find no PostgreSQL or Redis they are skipped: root gets them,
# everybody else is told.
.PHONY: postgres
postgres:
	@if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then exit 0; \
	elif [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then echo "PostgreSQL is not installed: its tests are skipped"; \
	else echo "installing PostgreSQL, for the tests"; \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >/dev/null || \
		echo "PostgreSQL cannot be installed: its tests are skipped"; \
	fi

.PHONY: redis
redis:
	@if command -v redis-server >/dev/null; then exit 0; \
	elif [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then echo "Redis is not installed: its tests are skipped"; \
	else echo "installing Redis, for the tests"; \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server; } >/dev/null || \
		echo "Redis cannot be installed: its tests are skipped"; \
	fi

.PHONY: test
test: $(TOOLS)/stages ## Everything a change must pass: lint, generated files, all tests
	@$(TOOLS)/stages \
		kube='$(MAKE) kube' \
		tools='$(MAKE) tools postgres redis' \
		lint='$(MAKE) lint' \
		verify='$(MAKE) verify' \
		modules='$(MAKE) test-modules' \
		tests='$(WITH_KUBE) $(MAKE) test-go'

.PHONY: test-all
test-all: kube tools postgres redis ## make test with the race detector everywhere, slow tests and a short fuzz of every parser
	@$(TOOLS)/stages \
		lint='$(MAKE) lint' \
		verify='$(MAKE) verify' \
		modules='$(MAKE) test-modules' \
		race='ROADBED_SLOW=1 $(WITH_KUBE) env $(RACE_TEST) -timeout 60m ./...' \
		fuzz='$(MAKE) fuzz'

# Inner part of make test: the first two share the API server that is already
# there. at-once runs tests of the first again, so it needs one without their objects.
.PHONY: test-go
test-go:
	@$(TOOLS)/stages \
		unit='$(GO_TEST) $$(go list ./... | grep -vxF "$$(go list $(RACE))")' \
		race='$(RACE_TEST) $(RACE)' \
		at-once="env -u ROADBED_KUBETEST $(RACE_TEST) $(RACE_AT_ONCE)"

.PHONY: test-modules
test-modules:
	@go -C tools test -vet=off ./...
	@go -C kube test -vet=off ./...
	@go -C test/gateway-export test -vet=off ./...
	@go -C test/buckets test -vet=off -mod=mod ./...

.PHONY: conformance-gateway
conformance-gateway: kube ## Run Gateway API's conformance suite against both fronts of the gateway, and print the reports
	@rm -rf bin/conformance && mkdir -p bin/conformance/net bin/conformance/own
	@cd test/gateway-conformance && for front in net own; do \
		echo "Front: $$front"; at=$(CURDIR)/bin/conformance/$$front; \
		ROADBED_CONFORMANCE_FRONT=$$front ROADBED_CONFORMANCE_REPORT=$$at \
			go test -run TestConformance -count=1 -timeout 40m -v . >$$at/log.txt 2>&1 || passed=no; \
		cat $$at/summary.txt || tail -20 $$at/log.txt; \
	done; test -z "$${passed:-}"

# Kyverno's module is fetched for its tests alone, outside of this one; nothing of
# it is built.
KYVERNO_VERSION ?= v1.19.0

.PHONY: conformance-kyverno
conformance-kyverno: ## Run the tests that Kyverno has of its command line, and print what is met
	@mkdir -p bin/kyverno && cd bin/kyverno && printf 'module fetched\n\ngo 1.26.0\n' >go.mod && \
		GOFLAGS=-mod=mod go mod download github.com/kyverno/kyverno@$(KYVERNO_VERSION)
	@ROADBED_KYVERNO="$$(go env GOMODCACHE)/github.com/kyverno/kyverno@$(KYVERNO_VERSION)" go test ./test/kyverno -count=1 -v

.PHONY: conformance-export
conformance-export: kube ## Hold what "roadbed gateway export" writes against the definitions of Envoy Gateway, Istio and Kong
	@go -C test/gateway-export test -count=1 -v ./...

# kube/ is formatted but not analysed: vet and the linters compute facts about
# every dependency, and its dependencies are all of Kubernetes (ten minutes for
# four files).
.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Lint the product and the tools, and check the formatting of all
	@$(TOOLS)/golangci-lint run ./...
	@cd tools && $(TOOLS)/golangci-lint run --config ../.golangci.yml ./...
	@cd test/gateway-export && $(TOOLS)/golangci-lint run --config ../../.golangci.yml ./...
	@cd test/buckets && $(TOOLS)/golangci-lint run --config ../../.golangci.yml ./...
	@$(TOOLS)/golangci-lint fmt --diff ./kube

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## Format all Go files
	@$(TOOLS)/golangci-lint fmt

.PHONY: verify
verify: tools ## Check that every generated file is fresh
	@$(TOOLS)/freshness -generate '$(MAKE) generate SOURCES=$(CURDIR)'

.PHONY: cover
cover: kube ## Test with coverage; the report is bin/cover.html
	@mkdir -p bin
	@$(WITH_KUBE) $(GO_TEST) -coverpkg=./internal/... -coverprofile=bin/cover.out ./internal/...
	@go tool cover -html=bin/cover.out -o bin/cover.html
	@go tool cover -func=bin/cover.out | tail -1

.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZ_TIME each (20s)
	@set -e; grep -rlE '^func Fuzz' --include='*_test.go' api cmd config internal | xargs -n1 dirname | sort -u | while read -r dir; do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -c6-); do \
			echo "==> $$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ_TIME) "./$$dir"; \
		done; \
	done

.PHONY: bench
bench: ## Run every Go benchmark once
	@go test -run '^$$' -bench . -benchtime 1x ./internal/...

.PHONY: bench-claims
bench-claims: kube ## Measure what 1,000 claims cost; the last line is JSON
	@go run ./test/bench/claims -kube $(ROADBED_KUBE) $(BENCH_ARGS)

.PHONY: bench-gateway
bench-gateway: kube ## Measure the gateway beside nginx and Caddy, and changes of routes; the last line is JSON
	@command -v nginx >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y --no-install-recommends nginx-light >&2; }
	@mkdir -p bin/bench
	@cd test/bench/gateway/caddy && go build -o ../../../../bin/bench/caddy .
	@go build -o bin/bench/gateway ./test/bench/gateway
	@go build -o bin/bench/propagation ./test/bench/propagation
	@taskset -c 1 bin/bench/gateway -caddy bin/bench/caddy -kube $(ROADBED_KUBE) -propagation bin/bench/propagation $(BENCH_ARGS)

.PHONY: bench-fairness
bench-fairness: ## Measure what tenants see of one that calls too much; the last line is JSON
	@go run ./test/bench/fairness $(BENCH_ARGS)

.PHONY: bench-propagation
bench-propagation: kube ## Measure a route's change from the API server to the first answer, at 3,000 and 5,000 routes; the last lines are JSON
	@go run ./test/bench/propagation -kube $(ROADBED_KUBE) -routes 3000,5000 $(BENCH_ARGS)

.PHONY: bench-policy
bench-policy: kube ## Measure what policies cost a request; the last line is JSON
	@go run ./test/bench/policy -kube $(ROADBED_KUBE) $(BENCH_ARGS)

.PHONY: bench-tenancy
bench-tenancy: kube ## Measure tenancy with 500 tenants; the last line is JSON
	@go run ./test/bench/tenancy -kube $(ROADBED_KUBE) $(BENCH_ARGS)

##@ Generate

# Kyverno's kinds are kept apart: they are installed only where they are absent.
OWN_KINDS := $(filter-out api/kyverno,$(wildcard api/*))
# Where the generators are compiled. verify generates in a copy of this tree, for
# which everything would be compiled once more.
SOURCES ?= $(CURDIR)

.PHONY: generate
generate: $(TOOLS)/controller-gen ## Write all generated files: deep copies, config/, docs/reference/ and the modules of test/
	@$(TOOLS)/controller-gen object paths=./api/...
	@$(TOOLS)/controller-gen crd:generateEmbeddedObjectMeta=true $(OWN_KINDS:%=paths=./%/...) output:crd:dir=config/crds
	@$(TOOLS)/controller-gen crd paths=./api/kyverno/... output:crd:dir=config/kyverno
	@go -C $(SOURCES) run ./internal/app/generate $(CURDIR)/config
	@go -C $(SOURCES) run ./internal/docgen -root $(CURDIR)
	@sed 's|^module \(.*\)|module \1/test/gateway-export\n\nreplace \1 => ../..\n\nrequire \1 v0.0.0-00010101000000-000000000000|' go.mod > test/gateway-export/go.mod
	@cp go.sum test/gateway-export/go.sum

##@ Help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z_-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: clean
clean: ## Remove everything built
	@rm -rf bin
