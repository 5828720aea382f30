# ticdc-drain. One level, out of tree: everything made is under build/. `make help` lists the targets.
# MODE=release (default) or MODE=asan chooses the flags and the folder. V=1 shows whole commands.

MODE  ?= release
BUILD := build/$(MODE)
CC    ?= cc
DEPS  := libcurl jansson yaml-0.1 openssl libevent libevent_openssl

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wformat=2 -Wvla \
        -Wpointer-arith -Wcast-qual -Wundef
HARDEN := -fstack-protector-strong -fPIE -fno-strict-overflow
LINK_HARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
MODE_release := -O2 -D_FORTIFY_SOURCE=2
MODE_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# In cover, _exit is exit: the simulator's workers end with it, and only exit writes the counts down.
MODE_cover   := -O0 --coverage -Wno-error -D_exit=exit
MODE_mutate  := -O1 -w

# What --version says. A tree without git (a tarball) says so; a packager gives VERSION=.
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo built-without-git)

CFLAGS   += -std=c11 -g $(WARN) $(HARDEN) $(MODE_$(MODE))
CPPFLAGS += -D_GNU_SOURCE -Ipkg-c $(shell pkg-config --cflags $(DEPS) 2>/dev/null)
LDLIBS   += $(shell pkg-config --libs $(DEPS) 2>/dev/null) -lm
LDFLAGS  += $(LINK_HARDEN) $(filter -fsanitize% --coverage,$(MODE_$(MODE)))

# Layers, from the top down: a layer includes only itself and what stands to its right.
LAYERS := sidecar ticdc kube net coordinator base
LIBS   := $(LAYERS:%=$(BUILD)/lib%.a)

SIDECAR := $(BUILD)/ticdc-drain-sidecar
PRESTOP := $(BUILD)/ticdc-drain-prestop
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

# One short line for each command, or the command itself: $(call say,CC,file), then a line that begins with $(Q).
Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(Q),@printf '%-4s %s\n' '$(1)' '$(2)')

.PHONY: help all deps test unit simulate fakes e2e demo bench sanitize valgrind lint lint-deps format checks clean
.DELETE_ON_ERROR:
.SECONDARY:

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: all ## the main job, live, on simulators: make demo [FAMILY=N1|M|C|N0]
	@/usr/bin/python3 tests/e2e/demo.py $(FAMILY)

test: checks unit golden simulate fakes e2e ## everything: unit tests, simulation and end to end, all under the sanitizers too

all: $(SIDECAR) $(PRESTOP) ## build the sidecar and the preStop hook

define layer
$(BUILD)/lib$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(wildcard pkg-c/$(1)/*.c))
	$(call say,AR,$$@)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

$(BUILD)/%.o: %.c | $(BUILD)/.deps
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Only the two main files know the version; they are built again when it changes.
$(BUILD)/cmd/ticdc-drain-sidecar/main.o: CPPFLAGS += -DTD_VERSION='"$(VERSION)"'
$(BUILD)/cmd/ticdc-drain-sidecar/main.o $(PRESTOP): $(BUILD)/.version
.PHONY: version-changed
$(BUILD)/.version: version-changed
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

$(SIDECAR): $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/ticdc-drain-sidecar/*.c)) $(LIBS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# The hook runs inside TiCDC's container, whatever that image holds: static, no dependency, small.
$(PRESTOP): cmd/ticdc-drain-prestop/main.c | $(BUILD)/.deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -DTD_VERSION='"$(VERSION)"' -std=c11 -Os -g0 $(WARN) -fstack-protector-strong -ffunction-sections -static -s -Wl,--gc-sections $< -o $@

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

# The core's own tests stand on the core and on base/ alone. One of them takes the place of the allocator.
CORE_UNIT := $(filter $(BUILD)/unit/test_coordinator_%,$(UNIT))
$(BUILD)/unit/test_coordinator_%: $(BUILD)/tests/unit/test_coordinator_%.o $(BUILD)/libcoordinator.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@
$(BUILD)/unit/test_coordinator_memory: private LDFLAGS += $(patsubst %,-Wl$(COMMA)--wrap=%,malloc calloc realloc strdup)
COMMA := ,

# Debian packages, by name. Installed only where something is missing.
PACKAGES := gcc make pkg-config libc6-dev libcurl4-openssl-dev libjansson-dev libyaml-dev libssl-dev libevent-dev libcmocka-dev python3 openssl
APT := DEBIAN_FRONTEND=noninteractive apt-get
deps: $(BUILD)/.deps ## install what the build needs (Debian packages, with apt)
$(BUILD)/.deps:
	@mkdir -p $(@D)
	@missing=; for p in $(PACKAGES); do dpkg -s $$p 2>/dev/null | grep -q '^Status: install ok' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then run=; elif sudo -n true 2>/dev/null; then run=sudo; \
	  else echo "Missing packages. Run: sudo apt-get install -y --no-install-recommends$$missing" >&2; exit 1; fi; \
	  $$run $(APT) update -qq && $$run $(APT) install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
	@touch $@

# ---- tests ----

FAKES := $(wildcard tests/fakes/test_*.py)
E2E   := $(wildcard tests/e2e/test_*.py)

unit: ## unit tests, plain and under ASan + UBSan
	@$(MAKE) --no-print-directory MODE=release run-unit
	@$(MAKE) --no-print-directory MODE=asan run-unit

$(BUILD)/unit/test_prestop $(BUILD)/unit/test_sidecar_hook_install: | $(PRESTOP)

.PHONY: run-unit run-seeds run-small run-exhaustive exhaustive
run-unit: $(UNIT)
	@for t in $^; do CMOCKA_MESSAGE_OUTPUT=STDOUT $$t >$$t.log 2>&1 || { cat $$t.log; echo "FAILED: $$t"; exit 1; }; \
	  grep -h '^\[  PASSED  \]' $$t.log | sed "s|^|$(MODE) $$(basename $$t) |"; done

SIMULATE := $(BUILD)/simulate
$(SIMULATE): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/simulation/*.c)) $(BUILD)/libcoordinator.a $(BUILD)/libbase.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# The first seed comes from the commit: every commit tries others, and the same ones each time.
HEAD := $(shell git rev-parse --short=7 HEAD 2>/dev/null || echo 1)
FIRST ?= $(shell printf '%d' 0x$(HEAD))
SIMULATE_FLAGS = $(if $(filter small,$(SIZE)),--small) $(if $(JOBS),--jobs $(JOBS))
run-seeds: $(SIMULATE)
	$(SIMULATE) $(SIMULATE_FLAGS) $(if $(SEED),--seed $(SEED) -v,--seeds $(SEEDS) --first $(FIRST))
run-small: $(SIMULATE)
	$(SIMULATE) --small --seeds $(SEEDS) --first $(FIRST) --regressions tests/simulation/regressions.txt $(if $(QUIET),--quiet)
simulate: ## whole clusters under seeded faults: make simulate [SEEDS=n | SEED=n] [SIZE=small]; without any, as in make test
ifneq ($(SEED)$(SEEDS),)
	@case '$(SEED)$(SEEDS)' in *[!0-9]*) \
	  echo 'make simulate: SEED and SEEDS are whole numbers from 0 (SEED=$(SEED) SEEDS=$(SEEDS))' >&2; exit 2;; esac
	@$(MAKE) --no-print-directory MODE=release run-seeds
else
	@$(MAKE) --no-print-directory MODE=release run-small SEEDS=10000
	@$(MAKE) --no-print-directory MODE=asan run-small SEEDS=500 QUIET=1
	@$(MAKE) --no-print-directory MODE=release run-seeds SEEDS=300
endif

exhaustive: | $(BUILD)/.deps ## every small case (3 nodes, 3 maintainers, 2 faults): make exhaustive [DEEP=1]
	@$(MAKE) --no-print-directory MODE=release run-exhaustive
run-exhaustive: $(SIMULATE)
	$(SIMULATE) --exhaustive $(if $(DEEP),--deep)

# Readable traces of what the core does, one behaviour in each file.
GOLDEN := $(BUILD)/golden
$(GOLDEN): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/golden/*.c)) $(BUILD)/libcoordinator.a $(BUILD)/libbase.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
.PHONY: golden golden-update run-golden
golden: ## the core's behaviours as traces that read as documentation, compared with tests/golden/*.txt
	@$(MAKE) --no-print-directory MODE=asan run-golden
run-golden: $(GOLDEN)
	sh tests/golden/check.sh $(GOLDEN)
golden-update: $(GOLDEN) ## rewrite tests/golden/*.txt: then read the difference
	sh tests/golden/check.sh --update $(GOLDEN)

fakes: | $(BUILD)/.deps ## tests of the simulators themselves
	@for t in $(FAKES); do /usr/bin/python3 $$t || exit 1; done

e2e: ## real binaries, built with ASan + UBSan, against the simulators: make e2e [SCENARIO=word] [KEEP=1]
	@$(MAKE) --no-print-directory MODE=asan all
	@MODE=asan /usr/bin/python3 tests/e2e/run.py $(SCENARIO)

BENCH := $(BUILD)/bench_core
$(BENCH): $(BUILD)/tests/bench/bench_core.o $(BUILD)/libcoordinator.a $(BUILD)/libbase.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
bench: $(BENCH) ## what the core costs in a large cluster, as a ratio to a small one
	@$(BENCH)

valgrind: all lint-deps ## one full drain with every sidecar under valgrind
	@MODE=release /usr/bin/python3 tests/e2e/run.py --valgrind

# ---- proof of the tests: what they reach, and what they notice ----

COVER_SEEDS  ?= 1000
MUTATE_SEEDS ?= 2000

.PHONY: core-tests cover run-cover mutate
core-tests: $(CORE_UNIT) $(SIMULATE) $(GOLDEN)

cover: ## branches of the core that its tests take: fails below 95 %
	@$(MAKE) --no-print-directory MODE=cover run-cover
run-cover: core-tests
	@find $(BUILD) -name '*.gcda' -delete
	@for t in $(CORE_UNIT); do $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; done
	@for size in --small ''; do $(SIMULATE) $$size --seeds $(COVER_SEEDS) >$(SIMULATE).log 2>&1 || \
	  { cat $(SIMULATE).log; echo "cover: seeds fail (make simulate says more); what they reached is counted"; }; done
	@/usr/bin/python3 tests/lint/cover.py --least 95 $(BUILD)/pkg-c/coordinator

mutate: | $(BUILD)/.deps ## break the core on purpose, one way at a time: some test must fail: make mutate [MUTATION=name]
	@/usr/bin/python3 tests/mutate/mutate.py --seeds $(MUTATE_SEEDS) $(MUTATION)

sanitize: ## build everything and run the unit tests under ASan + UBSan
	@$(MAKE) --no-print-directory MODE=asan all run-unit

# ---- checks ----

SOURCES := $(wildcard cmd/*/*.c pkg-c/*/*.c tests/unit/*.c tests/simulation/*.c tests/bench/*.c tests/golden/*.c)
HEADERS := $(wildcard pkg-c/*/*.h tests/unit/*.h tests/simulation/*.h tests/golden/*.h)
LINT_PACKAGES := clang-format clang-tidy cppcheck valgrind

checks: $(LIBS) ## the core is pure, layers point down
	sh tests/lint/layers.sh
	sh tests/lint/purity.sh $(BUILD)

lint-deps: | $(BUILD)/.deps
	@$(MAKE) --no-print-directory PACKAGES="$(LINT_PACKAGES)" BUILD=build/lint deps

lint: lint-deps checks ## clang-format, clang-tidy, cppcheck
	clang-format --dry-run --Werror $(SOURCES) $(HEADERS)
	cppcheck --quiet --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr -Ipkg-c --suppress=varFuncNullUB \
	  --suppress=missingIncludeSystem cmd pkg-c
	clang-tidy --quiet $(wildcard cmd/*/*.c pkg-c/*/*.c) -- $(CPPFLAGS) -std=c11

format: ## rewrite the sources with clang-format
	clang-format -i $(SOURCES) $(HEADERS)

clean: ## remove build/
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
