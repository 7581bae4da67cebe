# poolgen: `make` lists the targets.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
GO ?= go
LEG ?=

.DEFAULT_GOAL := help
.PHONY: help demo demo-meteor test test-gen test-vm test-vm-full soak lint generate bench bench-vm clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile
	@echo
	@echo "  make test LEG=race	one leg of the tests; the legs:" $$(scripts/test.sh --list)

demo: ## play a voice through pooled buffers: file, Opus, ALSA
	@scripts/setup.sh demo
	$(GO) run ./examples/voice

demo-meteor: ## watch a simulated night sky for meteors, with a page at http://127.0.0.1:8080; ARGS="-device /dev/video0" for a camera
	$(GO) run ./examples/meteor $(ARGS)

test: ## every leg: cgo, purego, race, debug, 386, arm under qemu, and a guest with a camera and a sound card
	@scripts/test.sh $(LEG)

test-gen: ## 2,000 random structs against the C compilers of four targets
	@scripts/setup.sh test
	POOLGEN_PROPERTY_STRUCTS=2000 $(GO) test -count=1 -timeout 30m -run TestRandomStructs -v .

test-vm: ## tests on a real kernel with a virtual camera and sound card, under qemu; ARCH=amd64 for -race
	@scripts/setup.sh vm
	scripts/vm/test.sh $(or $(ARCH),arm)

test-vm-full: ## the same on small kernels built here once, with codecs, converters and more memory to share: arm, and user-mode Linux
	@scripts/setup.sh vm
	status=0; for guest in arm-full uml; do scripts/vm/test.sh $$guest || status=1; done; exit $$status

soak: ## kill processes that pass frames, ROUNDS=100000 of them, and check the books after each
	@scripts/soak.sh $(or $(ROUNDS),10000) $(SEED)

lint: ## gofmt, go vet, golangci-lint, staticcheck and internal/lint
	@scripts/lint.sh

generate: ## regenerate every checked-in generated file
	$(GO) generate ./...

bench: ## benchmarks of the runtime as multiples of one atomic add, from Go and C, and of the generator
	@scripts/setup.sh bench
	$(GO) test -run '^$$' -bench . -benchmem ./runtime/... | awk -f scripts/ratios.awk
	@mkdir -p build && $(CC) -O2 -std=c11 -pthread -Iinclude -o build/bench internal/ctest/testdata/bench.c
	@echo && echo "the same from C, through poolgen.h" && build/bench
	@echo && echo "malloc and free from C, through poolgen_alloc.h" && scripts/allocbench.sh
	@echo && echo "poolgen ./... as multiples of go list -deps -export ./..."
	$(GO) test -run '^$$' -bench Module ./cmd/poolgen
	@echo && echo "a pool alone, and watched by another process a hundred times a second"
	$(GO) test -run '^$$' -bench Watched ./internal/top
	@echo && echo "a camera with pooled frames beside one that copies each for each stage"
	$(GO) test -run '^$$' -bench Camera -benchtime 1x ./internal/copies
	@echo && echo "frames between processes beside NATS, in a module of its own"
	cd runtime/ipc/testdata/nats && $(GO) test -run '^$$' -bench .
	@echo && echo "Opus from Go beside a loop in C and hraban/opus"
	$(GO) test -tags nolibopusfile -run '^$$' -bench Packet -benchtime 40x ./ffi/opus

bench-vm: ## a frame from a camera beside blackjack/webcam, in a guest
	@scripts/setup.sh vm && scripts/vm/setup.sh amd64
	CGO_ENABLED=0 $(GO) test -exec "$(CURDIR)/scripts/vm/exec.sh amd64" -run '^$$' -bench Vivid -benchtime 90x ./ffi/v4l2

clean: ## remove build/
	rm -rf build
