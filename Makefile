# `make demo` and `make test` do everything on a fresh Debian or Ubuntu machine with Rust.

.PHONY: help build release demo tour test test-18 test-release fuzz torture bench instructions soak fmt lint doc deny setup

# Seconds for each fuzz target; random queries for each person.
FUZZ_SECONDS ?= 60
QUERIES ?= 10000
# Of the soak, for each pool mode.
MINUTES ?= 30

help:
	@echo "make demo    a sample CRM behind rowgate, with lines to paste into psql"
	@echo "make tour    the same as a scripted tour that checks itself"
	@echo "make test    all tests, with throw-away servers of PostgreSQL (the distribution's, and 18) and real clients"
	@echo "make release a build for production, target/profiled/rowgate, arranged by what a gateway does often"
	@echo "make test-release   the end-to-end tests with that build"
	@echo "make fuzz    libFuzzer over the parsers and the planner; FUZZ_SECONDS=60 each"
	@echo "make torture random queries of sqlsmith on pairs of databases; QUERIES=10000 per person"
	@echo "make bench   figures; see bench/README.md"
	@echo "make instructions   counts of the planner's instructions against the stored ones"
	@echo "make soak    mixed clients, cancels, restarts and reloads; MINUTES=30 for each pool mode"
	@echo "make lint    format, clippy, documentation and dependencies as .ci/run checks them"
	@echo "make fmt     formats the sources"

setup:
	@tests/setup.sh

build:
	@tests/setup.sh build
	cargo build --locked

release:
	@tests/setup.sh release
	bench/release.sh

demo: build
	@target/debug/rowgate demo

tour: build
	@target/debug/rowgate demo --check

# The suites that talk to a server run a second time on PostgreSQL 18 where that was installed.
# ROWGATE_TEST_POSTGRES=15 or 18 chooses one.
test: setup
ifneq ($(ROWGATE_TEST_POSTGRES),18)
	cargo test --locked
endif
ifneq ($(ROWGATE_TEST_POSTGRES),15)
	@if [ -x .cache/postgresql-18/bin/postgres ]; then $(MAKE) --no-print-directory test-18; fi
endif

# With session pooling, which the first run does not have: both modes on both versions would find no more.
test-18:
	tests/on-postgresql-18.sh cargo test --locked --lib
	ROWGATE_TEST_POOL=session tests/on-postgresql-18.sh cargo test --locked --test oracle --test e2e

# What arranges a program after the compiler may also break it. One that is there is taken as it is, however old.
test-release: setup
	@test -x target/profiled/rowgate || $(MAKE) --no-print-directory release
	ROWGATE_TEST_PROGRAM=$(CURDIR)/target/profiled/rowgate cargo test --locked --test e2e

fuzz:
	@tests/setup.sh build
	fuzz/run.sh $(FUZZ_SECONDS)

torture: setup
	CARGO_PROFILE_DEV_OPT_LEVEL=1 ROWGATE_SQLSMITH=$(QUERIES) \
		cargo test --locked --test oracle sqlsmith -- --nocapture

bench:
	@tests/setup.sh bench
	cargo build --locked --release --bin rowgate --example relay --bench plan --bench growth
	python3 bench/report.py

instructions:
	@tests/setup.sh instructions
	python3 bench/instructions.py

soak:
	@tests/setup.sh bench
	cargo build --locked --release --bin rowgate
	python3 bench/soak.py --minutes $(MINUTES) --pool session
	python3 bench/soak.py --minutes $(MINUTES) --pool transaction

fmt:
	cargo fmt

lint: setup doc deny
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

deny: setup
	.cache/python/bin/python tests/dependencies.py
