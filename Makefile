# Margay. Each target says what it does; `make demo` and `make test` work as the first command.

CARGO ?= cargo

.PHONY: deps demo test lint bench soak golden

# Installs by apt what is missing of nftables, iproute2, gcc and libc6-dev.
deps:
	@PATH="$$PATH:/usr/sbin:/sbin"; missing=""; \
	command -v nft >/dev/null || missing="$$missing nftables"; \
	command -v ip >/dev/null || missing="$$missing iproute2"; \
	command -v cc >/dev/null || missing="$$missing gcc"; \
	test -e "$$(cc -print-file-name=crt1.o 2>/dev/null)" || missing="$$missing libc6-dev"; \
	test -z "$$missing" && exit 0; \
	install="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends$$missing"; \
	if test "$$(id -u)" = 0; then as="sh -c"; else as="sudo sh -c"; fi; \
	if command -v apt-get >/dev/null && { test "$$(id -u)" = 0 || command -v sudo >/dev/null; }; then \
		echo "deps: missing$$missing; running: $$install"; \
		$$as "$$install" && exit 0; \
	fi; \
	echo "deps: missing$$missing; as root run: $$install" >&2; exit 1

# Builds a small world of network namespaces, sends packets and compares what passes with what should.
demo: deps
	$(CARGO) run -- demo

# Runs every test; those that need the kernel skip loudly without root, unless REQUIRE_KERNEL=1.
test: deps
	$(CARGO) test

# Checks the formatting and every lint.
lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

# Measures; results worth keeping go to benches/records.
bench: deps
	$(CARGO) bench --bench '*'

# Looks for a packet that sees half a policy, for much longer than `make test` does.
soak: deps
	MARGAY_SOAK=1 $(CARGO) test --test it gapless -- --nocapture

# Rewrites the golden files from what the code does now: read the difference before you commit it.
golden: deps
	UPDATE_GOLDEN=1 $(CARGO) test --test it golden
