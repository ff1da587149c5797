# What a newcomer types. Meson does the building; see ARCHITECTURE.md for the folders.
#
#   make run       install what is missing, build, tell the story of two domains and one trust on
#                  loopback, and keep both domains up until Ctrl-C (make run WAIT=0: end by itself)
#   make check     install what is missing, build, run all tests
#   make sim       whole domains through faults, from one seed: SEED=1 STEPS=100000 VERBOSE=1
#   make torture   the real programs through faults, from one seed, as root: SEED=1 ROUNDS=40;
#                  ROUND=7 plays that one alone
#   make model     the lifecycle of a trust, verified with SPIN, and that planted bugs are found
#   make build     only build, into build/
#   make install   under PREFIX (/usr/local), with DESTDIR if given: programs, library, manual pages
#   make uninstall what make install put there

WAIT   ?= 1
PREFIX ?= /usr/local
BUILD  := build
SAN    := build-san
SEED   ?= 1
STEPS  ?= 100000
ROUNDS ?= 40

.PHONY: all build run check check-plain check-sanitized check-valgrind deps deps-check install uninstall \
        format format-check lint fuzz bench bench-ends sim model torture clean

all: build

deps:
	@tools/deps build

deps-check:
	@tools/deps check

$(BUILD)/build.ninja: | deps
	meson setup $(BUILD) --buildtype=release -Doptimization=2 --prefix=$(PREFIX) -Dtests=false

build: deps $(BUILD)/build.ninja
	ninja -C $(BUILD)

run: build
	@tools/story --build $(BUILD) --wait $(WAIT)

install: build
	meson install -C $(BUILD) --no-rebuild
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig # programs find libntrust

uninstall:
	ninja -C $(BUILD) uninstall

# --- tests -----------------------------------------------------------------------------------------

check: deps-check
	tools/check

build-check/build.ninja:
	meson setup build-check --buildtype=release -Doptimization=2

sim: deps-check build-check/build.ninja
	@ninja -C build-check sim/sim >/dev/null
	@build-check/sim/sim --seed $(SEED) --steps $(STEPS) $(if $(VERBOSE),--verbose)

torture: deps-check build-check/build.ninja
	@ninja -C build-check src/daemon/ntrustd src/cli/ntrust tests/torture/faulty.so >/dev/null
	@tests/torture/run build-check --seed $(SEED) $(if $(ROUND),--round $(ROUND),--rounds $(ROUNDS)) --verbose

model: deps-check
	@model/run

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

format-check:
	clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h')

bench: build
	bench/run --build $(BUILD)

# Trusts that ntrustd does not look after, as root: against the stock tool, and a thousand of them.
bench-ends: build deps-check
	bench/ends pair --build $(BUILD)
	bench/ends many --build $(BUILD) --rounds 5
	bench/reset --build $(BUILD)

# Against Samba, as root: needs its packages, which deps-check brings.
bench-samba: build deps-check
	bench/samba --build $(BUILD)

clean:
	rm -rf $(BUILD) $(SAN) build-*
