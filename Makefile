# dohle: a Kafka-compatible broker. `make help` lists the targets.
#
# One Makefile, no configure step. Each set of flags builds into a folder of its own under build/, so nothing goes stale:
#   make                          build/release/bin/dohle
#   make DEBUG=1                  build/debug
#   make SAN=address,undefined    build/address-undefined
# V=1 shows the commands. CC, CFLAGS, CPPFLAGS, LDFLAGS and PKG_CONFIG are honoured.

comma   := ,
FLAVOUR := $(or $(subst $(comma),-,$(SAN)),$(if $(DEBUG),debug,release))
B       ?= build/$(FLAVOUR)
Q       := $(if $(V),,@)

PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc
HOSTCC  ?= $(CC)
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

OPTIMIZE := $(if $(DEBUG),-Og,$(if $(SAN),-O1,-O2))
CFLAGS  ?= $(OPTIMIZE) -g
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wundef $(if $(WERROR),-Werror)
HARDEN   = $(if $(SAN)$(DEBUG),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
ALL_CFLAGS = -std=c11 $(WARNINGS) $(HARDEN) -fPIE $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
             -D_GNU_SOURCE -DDOHLE_VERSION='"$(VERSION)"' -I$(B)/gen -I. $(CPPFLAGS) $(LIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LDFLAGS) -pie $(if $(SAN),-fsanitize=$(SAN),-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) -pthread
LIBS     = -luv -lz -llz4 -lzstd -lsnappy -lpcre2-8
ifneq ($(wildcard /lib/ld-musl-*),) # musl has no makecontext()
LIBS    += -lucontext
endif
ifeq ($(shell uname -s),Darwin)
BREW    := $(shell brew --prefix 2>/dev/null)
LIB_CFLAGS = $(if $(BREW),-I$(BREW)/include)
ALL_LDFLAGS = $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN)) $(if $(BREW),-L$(BREW)/lib) -pthread
endif

SCHEMAS  := $(sort $(wildcard protocol/schema/*.msg))
SCHEMAC  := $(sort $(wildcard protocol/schemac*.c))
LIB_SRC  := $(filter-out $(SCHEMAC) broker/main.c,$(sort $(wildcard protocol/*.c storage/*.c broker/*.c broker/coord/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o) $(B)/gen/messages.o
TEST_LIB := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/lib/*.c)))
TESTS    := $(patsubst tests/%.c,$(B)/bin/%,$(sort $(wildcard tests/test_*.c)))
TOOLS    := $(patsubst tests/tools/%.c,$(B)/bin/%,$(sort $(wildcard tests/tools/*.c)))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(B)/bin/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZING  := $(findstring fuzzer,$(SAN))

.PHONY: all run test tests unit check bench nightly install uninstall clean help libraries conformance-record docs
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# What is asked for is a list of steps, one after the other. What a step builds or runs it leaves to a make below, which takes
# all processors, or as many as -j says.
ifndef BELOW
.NOTPARALLEL:
endif
JOBS     = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))
PARALLEL = $(MAKE) --no-print-directory $(JOBS) BELOW=1

all: libraries ## Build build/release/bin/dohle
	+$(Q)$(PARALLEL) $(B)/bin/dohle

# ---- libraries ---------------------------------------------------------------------------------------------------------

# Asked once; `make clean` asks again. build/libraries-found says that all were there.
libraries: build/libraries-found ## Install missing libraries (apt, dnf, apk, pacman, brew)

build/libraries-found: .ci/libraries
	$(Q)CC="$(CC)" CPPFLAGS="$(CPPFLAGS) $(LIB_CFLAGS)" LDFLAGS="$(ALL_LDFLAGS)" .ci/libraries
	@mkdir -p $(@D)
	@touch $@

# ---- generated messages ------------------------------------------------------------------------------------------------

$(B)/bin/schemac: $(SCHEMAC) protocol/schemac.h
	@mkdir -p $(@D)
	@echo "  HOSTCC $@"
	$(Q)$(HOSTCC) -std=c11 -O1 -g -Wall -Wextra -D_GNU_SOURCE -o $@ $(SCHEMAC)

$(B)/gen/messages.h: $(B)/bin/schemac $(SCHEMAS)
	@mkdir -p $(@D)
	@echo "  GEN    messages"
	$(Q)$(B)/bin/schemac $(@D) $(SCHEMAS)

$(B)/gen/messages.c: $(B)/gen/messages.h ;

# ---- objects and programs ----------------------------------------------------------------------------------------------

$(B)/gen/messages.o: $(B)/gen/messages.c
	@echo "  CC     $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.c | $(B)/gen/messages.h
	@mkdir -p $(@D)
	@echo "  CC     $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libdohle.a: $(LIB_OBJ)
	@echo "  AR     $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/bin/dohle: $(B)/broker/main.o $(B)/libdohle.a
	@mkdir -p $(@D)
	@echo "  LD     $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bin/test_%: $(B)/tests/test_%.o $(TEST_LIB) $(B)/libdohle.a
	@mkdir -p $(@D)
	@echo "  LD     $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(TOOLS): $(B)/bin/%: $(B)/tests/tools/%.o $(TEST_LIB) $(B)/libdohle.a
	@mkdir -p $(@D)
	@echo "  LD     $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# A fuzzer under libFuzzer when SAN says so (make fuzz), otherwise a program that replays files.
$(FUZZERS): $(B)/bin/%: $(B)/tests/fuzz/%.o $(if $(FUZZING),,$(B)/tests/fuzz/replay.o) $(TEST_LIB) $(B)/libdohle.a
	@mkdir -p $(@D)
	@echo "  LD     $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(FUZZING),-fsanitize=fuzzer) -o $@ $^ $(LIBS) -lcmocka

# ---- tests -------------------------------------------------------------------------------------------------------------

# One line a suite, its output in $(RESULTS)/NAME.log, a sum at the end; see tests/suite.
RESULTS  = $(B)/results
SUITE    = tests/suite $(RESULTS)
UNIT_SUITES     = $(TESTS:$(B)/bin/%=run-%)
SCENARIO_SUITES = run-conformance run-groups run-transactions run-disk
SCENARIOS := $(sort $(wildcard tests/conformance/*.scenario))
DISK_SCENARIOS := $(sort $(wildcard tests/disk/*.scenario))
DISK_SETTINGS   = tests/disk/server.properties
# Scenarios that want settings of their own: short sessions, small groups.
GROUP_SCENARIOS = $(sort $(wildcard tests/conformance/groups/*.scenario))
GROUP_SETTINGS  = tests/conformance/groups/server.properties
# The same for transactions: they run out of time soon.
TRANSACTION_SCENARIOS = $(sort $(wildcard tests/conformance/transactions/*.scenario))
TRANSACTION_SETTINGS  = tests/conformance/transactions/server.properties
# What other runs ask counts too, for versions and for errors.
BESIDES         = $(GROUP_SCENARIOS) $(TRANSACTION_SCENARIOS) $(DISK_SCENARIOS)
# Clocks of the broker that the runner sets. Sanitizers want to be in front of every other library.
CLOCK           = $(if $(SAN),,$(if $(filter Linux,$(shell uname -s)),$(B)/clock.so))
PLAY            = $(B)/bin/conformance $(CLOCK:%=--clock %)

.PHONY: $(UNIT_SUITES) $(SCENARIO_SUITES)
$(UNIT_SUITES): run-%: $(B)/bin/%
	$(Q)$(SUITE) $* $(B)/bin/$*

run-conformance:
	$(Q)$(SUITE) conformance $(PLAY) --start "$(B)/bin/dohle --ephemeral --port 0" --errors tests/conformance/errors.reachable \
	    $(BESIDES:%=--besides %) $(SCENARIOS)

run-groups:
	$(Q)$(SUITE) groups $(PLAY) --part --start "$(B)/bin/dohle --ephemeral --port 0 $(GROUP_SETTINGS)" $(GROUP_SCENARIOS)

run-transactions:
	$(Q)$(SUITE) transactions $(PLAY) --part --start "$(B)/bin/dohle --ephemeral --port 0 $(TRANSACTION_SETTINGS)" $(TRANSACTION_SCENARIOS)

run-disk:
	$(Q)$(SUITE) disk $(PLAY) --part --start '$(B)/bin/dohle --data $$FOLDER/data --port $$PORT $$OVERRIDES $(DISK_SETTINGS)' $(DISK_SCENARIOS)

$(SCENARIO_SUITES): $(B)/bin/dohle $(B)/bin/conformance $(CLOCK)

unit: libraries ## Run the unit tests
	+$(Q)$(PARALLEL) $(TESTS)
	$(Q)$(SUITE) --start
	+$(Q)$(PARALLEL) $(UNIT_SUITES)
	$(Q)$(SUITE) --total

$(B)/clock.so: tests/crash/clock.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) -shared -fPIC -o $@ $< -ldl

scenarios: all ## Run the scenarios, without the units
	$(Q)$(SUITE) --start
	+$(Q)$(PARALLEL) $(SCENARIO_SUITES)
	$(Q)$(SUITE) --total

mutate: ## See that the tests notice each fault of tests/mutants (hours)
	$(Q)tests/mutants/run

.PHONY: scenarios mutate

tests: libraries ## Build the tests and do not run them
	+$(Q)$(PARALLEL) $(B)/bin/dohle $(TESTS) $(TOOLS) $(CLOCK)

test: tests ## Run all quick tests: units, conformance with Apache Kafka's answers, the clients that this machine has
	$(Q)$(SUITE) --start
	+$(Q)$(PARALLEL) $(SCENARIO_SUITES) $(UNIT_SUITES)
	$(Q)if command -v python3 >/dev/null; then $(SUITE) clients tests/clients/run --quick --binary $(B)/bin/dohle; fi
	$(Q)$(SUITE) --total

# The tests again under sanitizers with warnings as errors, and what no test sees.
check: ## Run the tests under sanitizers, static analysis, layering
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(SUITE) --start
	+$(Q)$(SUITE) sanitizers $(MAKE) --no-print-directory SAN=address,undefined WERROR=1 sanitized
	$(Q)if command -v python3 >/dev/null; then \
	    $(SUITE) fuzz-seeds $(MAKE) --no-print-directory SAN=address,undefined WERROR=1 fuzz-replay; fi
	$(Q)if command -v python3 >/dev/null; then $(SUITE) hostile tests/hostile/run --quick --binary $(B)/bin/dohle; fi
	$(Q)$(SUITE) docs $(MAKE) --no-print-directory docs-check
	$(Q)$(SUITE) layers tests/layers $(B)
	$(Q)if command -v python3 >/dev/null; then $(SUITE) mutants tests/mutants/run --check; fi
	$(Q)if clang-format --version 2>/dev/null | grep -q ' 14\.'; then $(SUITE) format $(MAKE) --no-print-directory format-check; fi
	$(Q)if command -v cppcheck >/dev/null; then $(SUITE) cppcheck $(CPPCHECK) protocol storage broker; fi
	$(Q)$(SUITE) --total

CPPCHECK = cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
           --suppress=missingIncludeSystem --suppressions-list=tests/cppcheck.suppressions -I. -I$(B)/gen -j2

.PHONY: sanitized
sanitized: tests
	$(Q)$(SUITE) --start
	+$(Q)$(PARALLEL) $(SCENARIO_SUITES) $(UNIT_SUITES)
	$(Q)$(SUITE) --total

# Kafka's answers are data beside the scenarios; a recording of scenarios that did not change gives the same files.
conformance-record: all $(B)/bin/conformance ## Ask Apache Kafka again what the conformance suite expects (Java, Maven, Python)
	$(Q)tests/conformance/record $(B)/bin/conformance --record /dev/null $(SCENARIOS)
	$(Q)tests/conformance/record $(B)/bin/conformance --record $(GROUP_SETTINGS) --part $(GROUP_SCENARIOS)
	$(Q)tests/conformance/record $(B)/bin/conformance --record $(TRANSACTION_SETTINGS) --part $(TRANSACTION_SCENARIOS)

disk-record: all $(B)/bin/conformance ## Ask Apache Kafka again what the disk suite expects
	$(Q)tests/conformance/record $(B)/bin/conformance --record $(DISK_SETTINGS) --part $(DISK_SCENARIOS)

# Does Apache Kafka itself still give the recorded answers?
conformance-replay: all $(B)/bin/conformance
	$(Q)tests/conformance/record $(B)/bin/conformance --replay /dev/null $(SCENARIOS)
	$(Q)tests/conformance/record $(B)/bin/conformance --replay $(GROUP_SETTINGS) --part $(GROUP_SCENARIOS)
	$(Q)tests/conformance/record $(B)/bin/conformance --replay $(TRANSACTION_SETTINGS) --part $(TRANSACTION_SCENARIOS)
	$(Q)tests/conformance/record $(B)/bin/conformance --replay $(DISK_SETTINGS) --part $(DISK_SCENARIOS)

.PHONY: disk-record conformance-replay

# docs/NAME.md is what print_NAME prints.
PRINTED = protocol configuration compatibility limits

docs: $(PRINTED:%=$(B)/bin/print_%) ## Write the documents that are printed from the code
	$(Q)for name in $(PRINTED); do $(B)/bin/print_$$name >docs/$$name.md || exit 1; done

.PHONY: docs-check
docs-check: $(PRINTED:%=$(B)/bin/print_%)
	$(Q)for name in $(PRINTED); do \
	    $(B)/bin/print_$$name | diff docs/$$name.md - || { echo "docs/$$name.md is old: make docs"; exit 1; }; \
	done

compare-messages: ## Compare our schemas with the definitions inside Kafka's jars (Java, Maven, Python)
	$(Q)tests/golden/messages/compare

.PHONY: compare-messages

SOURCES := $(sort $(wildcard protocol/*.[ch] storage/*.[ch] broker/*.[ch] broker/coord/*.[ch] tests/*.[ch] tests/*/*.[ch]))

format: ## Format the C files by .clang-format
	$(Q)clang-format -i $(SOURCES)

# Other releases than 14 format some things differently.
format-check:
	$(Q)clang-format --dry-run -Werror $(SOURCES)

.PHONY: format format-check

# Seeds come from golden data; what a fuzzer finds stays in build/fuzz/NAME, and a failing input beside it.
FUZZ_SECONDS ?= 60
FUZZ_FLAVOUR  = SAN=fuzzer-no-link,address,undefined CC=clang B=build/fuzz

fuzz: ## Run each fuzzer for FUZZ_SECONDS under clang
	$(Q)$(MAKE) --no-print-directory $(FUZZ_FLAVOUR) fuzz-run

fuzz-run: $(FUZZERS)
	$(Q)for fuzzer in $(FUZZERS:$(B)/bin/fuzz_%=%); do \
	    mkdir -p $(B)/$$fuzzer && python3 tests/fuzz/seed_$$fuzzer.py $(B)/seeds/$$fuzzer && \
	    $(B)/bin/fuzz_$$fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(B)/ $(B)/$$fuzzer $(B)/seeds/$$fuzzer || exit 1; done

# Each seed once, without a fuzzer.
fuzz-replay: $(FUZZERS)
	$(Q)for fuzzer in $(FUZZERS:$(B)/bin/fuzz_%=%); do \
	    python3 tests/fuzz/seed_$$fuzzer.py $(B)/seeds/$$fuzzer && $(B)/bin/fuzz_$$fuzzer $(B)/seeds/$$fuzzer || exit 1; done

.PHONY: fuzz fuzz-run fuzz-replay

# Each call on files fails, and each time the power goes in FAULT_SEEDS ways.
FAULT_SEEDS ?= 100

faults: $(B)/bin/test_log_faults $(B)/bin/test_broker_faults ## Every failure point, with FAULT_SEEDS power cuts after each
	$(Q)FAULT_SEEDS=$(FAULT_SEEDS) $(B)/bin/test_log_faults
	$(Q)FAULT_SEEDS=$(FAULT_SEEDS) $(B)/bin/test_broker_faults

.PHONY: faults

nightly: ## All of .ci/run, thousands of kills, many swaps, the long siege, every failure point, random sequences beside Kafka, faults in the broker, then fuzzing for half an hour each
	$(Q).ci/run
	$(Q)tests/crash/run --require --binary $(B)/bin/dohle --kills 3000
	$(Q)tests/exactly-once/run --require --long --only checker --binary $(B)/bin/dohle
	$(Q)tests/swap/run --turns 30 --binary $(B)/bin/dohle
	$(Q)tests/hostile/run --long --only siege --binary $(B)/bin/dohle
	$(Q)$(MAKE) --no-print-directory faults
	$(Q)$(MAKE) --no-print-directory $(B)/bin/random_play
	$(Q)tests/conformance/random --count 2000
	$(Q)$(MAKE) --no-print-directory mutate
	$(Q)$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=1800

bench: all ## Measure CPU time, memory and start of dohle beside Apache Kafka and the machine's floor
	$(Q)$(MAKE) --no-print-directory $(B)/bin/bench_load $(B)/bin/bench_floor $(B)/bin/bench_machine
	$(Q)tests/bench/run $(B)/bin

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- running and installing --------------------------------------------------------------------------------------------

# The data folder that survives `make clean`. RUN_OPTIONS adds to the command line.
DATA ?= build/data

run: all ## Build and run with conf/server.properties; the data stays in build/data
	@echo "  RUN    $(B)/bin/dohle, configured by conf/server.properties, data in $(DATA); Ctrl-C stops it"
	$(Q)exec $(B)/bin/dohle --data $(DATA) $(RUN_OPTIONS) conf/server.properties

BIN_DIR  = $(DESTDIR)$(PREFIX)/bin
DOC_DIR  = $(DESTDIR)$(PREFIX)/share/doc/dohle

install: all ## Install below PREFIX (default /usr/local); DESTDIR stages
	$(Q)install -d "$(BIN_DIR)" "$(DOC_DIR)"
	$(Q)install -m 755 $(B)/bin/dohle "$(BIN_DIR)/dohle"
	$(Q)install -m 644 README.md LICENSE docs/configuration.md conf/server.properties "$(DOC_DIR)"
	@echo "  INSTALL $(BIN_DIR)/dohle"

uninstall: ## Remove what `make install` installed
	$(Q)rm -f "$(BIN_DIR)/dohle"
	$(Q)rm -rf "$(DOC_DIR)"

clean: ## Remove what was built (the data folder build/data stays)
	$(Q)if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name data -exec rm -rf {} +; fi

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 22
