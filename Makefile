# The short way in. Every target that builds first installs the packages of packages.txt that are missing
# (Debian's, through apt; OFFLINE=1 leaves the machine as it is).
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
export JOBS

define help_text
make build          the program, optimised: build/litewright
make run            a live shop database, an accident, a restore: under a minute; on a terminal then the daemon
make run DB=app.db  protects your own database until Ctrl-C
make test           everything CI runs (about 20 minutes on 2 cores from clean; STAGES="format unit" for some)
make bench          the performance table beside its peers (ARGS="--quick", "--only restore")
make soak           the long loops of the tests
make format         clang-format over the tree
make tidy           clang-tidy over what changed (FILES="src/…" for others)
make clean          removes build/
make packages       only installs what packages.txt names and the machine lacks

JOBS=N limits the compilers at work (now $(JOBS)); OFFLINE=1 installs nothing.
endef

.PHONY: help packages tools build run test bench soak format tidy clean

help:
	$(info $(help_text))
	@:

packages:
	@tests/install_packages.sh packages.txt

build: packages
	@cmake --preset release >/dev/null
	@cmake --build build/release -j $(JOBS) --target litewright
	@ln -sfn release/litewright build/litewright
	@echo "built build/litewright"

run: build
	@LITEWRIGHT=build/litewright examples/live_demo.sh $(if $(DB),"$(DB)")

# Unpacked, not installed: the packages would start daemons. Without them their tests are skipped.
tools:
	@tests/unpack_packages.sh build/tools prometheus prometheus-alertmanager || true

test: packages tools
	@tests/run.sh $(STAGES)

bench: build
	@bench/run.py $(ARGS)

soak: packages tools
	@tests/run.sh soak

format: packages
	@git ls-files -co --exclude-standard '*.h' '*.cc' | xargs -r clang-format-19 -i

tidy: packages
	@tests/run.sh --files "$(FILES)" tidy

clean:
	rm -rf build
