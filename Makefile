# Twincast. `make help` lists what can be asked; README.md tells the story.
#
# One file, no recursion over folders. Objects mirror the sources under build/$(V)/obj, so that
# variants live side by side. Every target first runs `make deps`, which is quick when there is
# nothing to install.

V ?= release
B := build/$(V)
CC := gcc
AR := gcc-ar

MODULES  := core/base core/event core/chat core/wire core/loop core/service tcp_server udp_server client bench lab
PROGRAMS := tcp_server udp_server client bench lab
SRCS     := $(filter-out %/main.c,$(wildcard $(MODULES:=/*.c)))
LLHTTP   := api http llhttp
ARCHIVE  := $(B)/libtwincast.a
BINS     := $(PROGRAMS:%=$(B)/bin/%)

UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
SIM  := $(patsubst tests/sim/%.c,$(B)/tests/%,$(wildcard tests/sim/sim_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
E2E  := $(wildcard tests/e2e/*.e2e.sh tests/e2e/*.e2e.js)
FOES := $(patsubst tests/e2e/%.c,$(B)/tests/%,$(wildcard tests/e2e/*.c))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion $(if $(WERROR),-Werror)
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero -fPIE
OPT_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(HARD)
OPT_debug   := -O0 -g3 $(HARD)
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
OPT_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer -fPIE
PKGS     := libevent_core libevent_extra msgpack jansson libsodium libcrypto libbsd-overlay libpcap zlib libisal
CFLAGS   += -std=c11 -D_GNU_SOURCE -I. -idirafter /usr/share/include $(WARN) $(OPT_$(V))
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS)) -lunistring -lm
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack $(filter -fsanitize=%,$(OPT_$(V)))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all help deps compare check unit sim e2e fuzz-replay layers asan tsan fuzz bench fmt tidy clean install

all: $(BINS) bin ## build the five programs into bin/

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## install what is missing, and only that (Debian packages, npm packages for tests)
	@.ci/deps $(if $(filter deps,$(MAKECMDGOALS)),--large)

bin: $(BINS)
	@ln -sfn $(B)/bin bin

$(B)/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D); echo "  CC   $<"; $(CC) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

# The chat page is put into the program.
$(B)/obj/tcp_server/web_page.o: $(wildcard tcp_server/web/*)

# llhttp's C sources come with Debian's node-llhttp; they are not ours, so our warnings are off.
$(B)/obj/llhttp/%.o: | deps
	@mkdir -p $(@D); echo "  CC   llhttp/$*.c"; $(CC) -std=c11 $(OPT_$(V)) -w -I/usr/share/include/llhttp -c -o $@ /usr/share/llhttp/$*.c

$(ARCHIVE): $(SRCS:%.c=$(B)/obj/%.o) $(LLHTTP:%=$(B)/obj/llhttp/%.o)
	@echo "  AR   $@"; rm -f $@; $(AR) qcs $@ $^

$(B)/bin/%: $(B)/obj/%/main.o $(ARCHIVE)
	@mkdir -p $(@D); echo "  LD   $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(if $(filter client,$*),-lreadline)

$(B)/tests/test_%: $(B)/obj/tests/unit/test_%.o $(B)/obj/tests/unit/harness.o $(ARCHIVE)
	@mkdir -p $(@D); echo "  LD   $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka

# These have malloc and calloc fail (tests/unit/no_memory.h).
$(patsubst %,$(B)/tests/test_%,event_queue tcp_torn udp_torn): LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc

$(B)/tests/sim_%: $(B)/obj/tests/sim/sim_%.o $(B)/obj/tests/unit/harness.o $(ARCHIVE)
	@mkdir -p $(@D); echo "  LD   $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka

$(B)/tests/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/obj/tests/fuzz/replay.o $(ARCHIVE)
	@mkdir -p $(@D); echo "  LD   $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(FOES): $(B)/tests/%: $(B)/obj/tests/e2e/%.o $(ARCHIVE)
	@mkdir -p $(@D); echo "  LD   $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

compare: all ## the main job: TCP and UDP twins through one bad network, a table at the end
	@bin/lab run compare

check: all $(UNIT) $(SIM) $(FUZZ:%=$(B)/tests/%) $(FOES) ## run all tests
	@$(MAKE) --no-print-directory -s layers
	@tests/run $(B) $(UNIT) $(SIM) $(FUZZ:%=$(B)/tests/%) $(E2E)

unit: $(UNIT) ## run the unit tests only
	@tests/run $(B) $(UNIT)

sim: $(SIM) ## run the simulated worlds only (SEEDS=n for more, however long it takes)
	@$(if $(SEEDS),TEST_TIMEOUT=$(or $(TEST_TIMEOUT),0)) tests/run $(B) $(SIM)

layers: ## check who includes whom, and who touches sockets, clocks and parsers
	@git ls-files -co --exclude-standard '*.[ch]' | sort | xargs awk -f tests/layers.awk

asan tsan: ## run all tests under the address and undefined-behaviour (or thread) sanitizer
	@$(MAKE) --no-print-directory V=$@ check

fuzz: ## run every fuzz target for FUZZ_SECONDS (60) with clang's libFuzzer
	@tests/fuzz/run $(or $(FUZZ_SECONDS),60) $(FUZZ)

bench: all ## CPU per delivery beside a bare batch-send reference, in one run; memory of idle connections
	@bin/bench speed
	@bin/bench idle

fmt: ## format the C sources
	@git ls-files '*.[ch]' | xargs clang-format -i

clean: ## remove build/ and bin/
	rm -rf build bin

-include $(shell find build/$(V) -name '*.d' 2>/dev/null)
.SECONDARY:
