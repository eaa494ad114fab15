# Margay. Each target says what it does; `make demo` and `make test` work as the first command.

CARGO ?= cargo

# How long each parser is fuzzed.
SECONDS ?= 60

.PHONY: deps demo test lint bench soak fuzz golden

# Installs by apt what is missing: nftables and iproute2; gcc, libc6-dev, protobuf-compiler and
# libprotobuf-dev, which the build needs; etcd-server and etcd-client, which tests start for themselves.
deps:
	@PATH="$$PATH:/usr/sbin:/sbin"; missing=""; \
	for need in nft:nftables ip:iproute2 cc:gcc protoc:protobuf-compiler etcd:etcd-server \
		etcdctl:etcd-client $(NEEDS); do \
		command -v $${need%%:*} >/dev/null || missing="$$missing $${need#*:}"; \
	done; \
	test -e "$$(cc -print-file-name=crt1.o 2>/dev/null)" || missing="$$missing libc6-dev"; \
	test -e /usr/include/google/protobuf/descriptor.proto || missing="$$missing libprotobuf-dev"; \
	test -z "$$missing" && exit 0; \
	install="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends$$missing"; \
	if test "$$(id -u)" = 0; then as="sh -c"; else as="sudo sh -c"; fi; \
	if command -v apt-get >/dev/null && { test "$$(id -u)" = 0 || command -v sudo >/dev/null; }; then \
		echo "deps: missing$$missing; running: $$install"; \
		$$as "$$install" && exit 0; \
	fi; \
	echo "deps: missing$$missing; as root run: $$install" >&2; exit 1

# Builds a small world of network namespaces, sends packets and compares what passes with what should. It
# needs no etcd, which would take as long to build as all the rest.
demo: deps
	$(CARGO) run --profile demo --no-default-features -- demo

# Runs every test; those that need the kernel skip loudly without root, unless REQUIRE_KERNEL=1.
# The peers of `margay bench` are commands of iptables and ipset; chromium looks at its report.
test: NEEDS = iptables:iptables ipset:ipset chromium:chromium
test: deps
	$(CARGO) test

# Checks the formatting and every lint.
lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

# Measures; results worth keeping go to benches/records.
bench: deps
	$(CARGO) bench --bench '*'

# Looks for a packet that sees half a policy, for much longer than `make test` does: about an hour.
# SOAK=gapless::kill kills alone, SOAK=gapless::no_packet updates alone. What is found of each kind goes
# to the folder that MARGAY_SOAK_OUT names, such as benches/records/<date>-soak.
SOAK ?= gapless::
soak: deps
	MARGAY_SOAK=1 $(CARGO) test --test it $(SOAK) -- --nocapture

# Gives every parser bytes that nobody should write, for SECONDS each, and stops at the first that it does
# not bear. Installs what is missing: g++ by apt and cargo-fuzz by cargo. What is found stays in target/fuzz.
fuzz: NEEDS = c++:g++
fuzz: deps
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	@set -e; for parser in $$($(CARGO) fuzz list --fuzz-dir tests/fuzz); do \
		echo "fuzz: $$parser, $(SECONDS) seconds"; \
		$(CARGO) fuzz run --fuzz-dir tests/fuzz --sanitizer none $$parser \
			target/fuzz/$$parser/corpus target/fuzz/$$parser/seeds -- \
			-max_total_time=$(SECONDS) -timeout=10; \
	done

# Rewrites the golden files from what the code does now: read the difference before you commit it.
golden: deps
	UPDATE_GOLDEN=1 $(CARGO) test --test it golden
