# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Short names for the CMake presets; `make help` lists them. Each does its own set-up: missing
# packages are installed when you are root, and otherwise the line to run is printed.

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: help demo check soak install format clean

help:
	@echo "make demo    all-reduce a real model's partial sums over 4 processes"
	@echo "make check   build and run the tests"
	@echo "make soak    the slow tests: several hundred killed ranks, 100,000 random cases"
	@echo "make install build and install to PREFIX (/usr/local), below DESTDIR if that is set"
	@echo "make format  format the C sources (clang-format 14)"
	@echo "make clean   remove build/"

demo:
	@scripts/setup.sh demo
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target flashcomm_tool
	@scripts/demo.sh

check:
	@scripts/setup.sh check
	@cmake --preset dev
	@cmake --build --preset dev -j $(JOBS)
	@ctest --preset dev -j $(JOBS)

soak:
	@scripts/setup.sh check
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)
	@ctest --preset soak

install:
	@scripts/setup.sh demo
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)
	@cmake --install build/release --prefix $(PREFIX)

format:
	@scripts/format.sh

clean:
	rm -rf build
