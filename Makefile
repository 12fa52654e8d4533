# Tidegate. `make help` lists what there is. Building needs Rust, a C compiler and make; the tests run on Apache Kafka
# itself, which needs Java 17 and Maven.

CARGO  ?= cargo
EVENTS ?= datasets/sample.jsonl.zst
OUT    ?= out
# Seconds that each fuzz target runs for.
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help run test test-tls broker soak tools lint check bless bench fuzz deny clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: tools ## Build it, run the sample stream through it, show what came out
	$(CARGO) build --release --locked
	@rm -f '$(OUT)/actions.jsonl' '$(OUT)/rejects.jsonl' '$(OUT)/journal.redb'
	@rm -rf '$(OUT)/index/days' '$(OUT)/index/queue' '$(OUT)/index/index.json'
	$(CARGO) run --release --locked --quiet -- run --input '$(EVENTS)' --output '$(OUT)' --index all
	@printf '\nThe first decisions (%s):\n\n' '$(OUT)/actions.jsonl'
	@head -n 3 '$(OUT)/actions.jsonl'
	@printf '\nWhat refuted rumors are about, and who says what (tidegate search --index %s):\n\n' '$(OUT)/index'
	@$(CARGO) run --release --locked --quiet -- search --index '$(OUT)/index' 'claim:*' --limit 3

test: tools lint broker ## Formatting, lints, every test (documentation drift and licences among them)
	$(CARGO) test --locked

broker: ## Fetch the Apache Kafka of the tests, once (KAFKA_BOOTSTRAP names a running one instead)
	@[ -n "$$KAFKA_BOOTSTRAP" ] || .ci/kafka fetch

# The OpenSSL of the feature is built from source, which takes minutes the first time: not for every run of the tests.
test-tls: tools broker ## The tests of TLS and SCRAM to brokers, with the feature that the released binary has
	$(CARGO) test --locked --features kafka-tls --test it -- kafka::secured kafka::access

soak: tools broker ## A million messages through Kafka under kills and moves, then cost and latency (SOAK=--help for more)
	$(CARGO) test --release --locked --test soak -- $(SOAK)

# The two components that rustup leaves out of its minimal profile are looked for, never taken for granted: without
# them the tests still run, and what was not checked is said.
lint: ## Formatting and lints
	@if $(CARGO) fmt --version >/dev/null 2>&1; then \
		echo '$(CARGO) fmt --check' && $(CARGO) fmt --check; \
	else \
		echo 'NOT CHECKED: formatting. rustfmt is not installed; get it with: rustup component add rustfmt'; \
	fi
	@if $(CARGO) clippy --version >/dev/null 2>&1; then \
		echo '$(CARGO) clippy' && $(CARGO) clippy --locked --all-targets -- -D warnings; \
	else \
		echo 'NOT CHECKED: lints. clippy is not installed; get it with: rustup component add clippy'; \
	fi

check: tools ## The shipped rules, word lists and ladder, with their own tests
	$(CARGO) run --locked --quiet -- check rules

bless: tools ## Rewrite the generated pages and snapshots, then look at `git diff`
	SNAPSHOTS=overwrite $(CARGO) test --locked --test it

bench: tools ## Measure, rivals in the same run; results go to benches/record/
	$(CARGO) bench --locked

fuzz: tools ## Every fuzz target for FUZZ_SECONDS (60)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	@for target in $$(ls fuzz/fuzz_targets | sed 's/\.rs$$//'); do \
		echo "fuzz $$target"; \
		$(CARGO) fuzz run --sanitizer none "$$target" -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

deny: tools ## Licences, bans and sources of every dependency on every platform (cargo-deny)
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --all-features check licenses bans sources

clean: ## Remove what was built and what was run
	$(CARGO) clean
	rm -rf out

tools:
	@command -v $(CARGO) >/dev/null || { \
		echo 'cargo is missing: install Rust 1.90 or newer with rustup'; exit 1; }
	@command -v cc >/dev/null || { \
		echo 'a C compiler is missing (zstd is built from source): apt-get install gcc, or xcode-select --install'; exit 1; }
