#!/usr/bin/env bash
# Runs the test legs: test.sh [--print] [leg ...] | --list
#
# A leg is one way to build and run the tests; all run when none is named. A
# leg that fails does not stop the others; the exit status tells of any.
# --print shows the commands of the legs without running them.
set -uo pipefail
cd "$(dirname "$0")/.."

legs="cgo nocgo race debug 386 arm armnocgo arm5 arm64 vm"
timeout=${TIMEOUT:-15m}
print=

case ${1:-} in
--list) echo "$legs"; exit ;;
--print) print=1; shift ;;
esac
for leg in "$@"; do
	[[ " $legs " == *" $leg "* ]] || { echo "test: no leg $leg; the legs: $legs" >&2; exit 2; }
done

# A leg runs all its commands, then answers for the worst of them.
run() {
	printf '+'
	printf ' %q' "$@"
	echo
	[ -n "$print" ] || env "$@" || failed=1
}

# Packages whose tests drive compilers: the result does not depend on how the
# test itself was built, so only cgo runs them.
drivers='^github.com/poolgen/poolgen(/cmd/.*|/internal/(gen|ctest|lint)(/.*)?)?$'
# Packages that bind a C library, or run one.
bound='/(ffi|runtime/dl|examples/(bind|intercom|voice))(/|$)'

# Sets pkgs to the packages of the leg's build that do not match the pattern.
packages() {
	pkgs=$(env "${build[@]}" go list "${@:2}" | grep -Ev "$1") || failed=1
}

leg_cgo() {
	run CGO_ENABLED=1 go test -timeout "$timeout" ./...
}

leg_nocgo() {
	build=(CGO_ENABLED=0)
	packages "$drivers" ./...
	run CGO_ENABLED=0 go vet ./...
	run "${build[@]}" go test -timeout "$timeout" $pkgs
}

# internal/lint and the like start no goroutine worth watching.
leg_race() {
	build=(CGO_ENABLED=1)
	packages "$drivers" ./runtime/... ./internal/... ./ffi/...
	run "${build[@]}" go test -race -timeout "$timeout" $pkgs
}

leg_debug() {
	run CGO_ENABLED=1 go test -tags poolgen_debug -timeout "$timeout" ./runtime/...
}

# 32 bit at native speed. With cgo go those packages that need no library but
# C's; their tests are static, because i386's loader is not installed.
leg_386() {
	build=(GOARCH=386 CGO_ENABLED=0)
	packages "$drivers|$bound" ./...
	run "${build[@]}" go vet ./...
	run "${build[@]}" go build ./...
	run "${build[@]}" go test -timeout "$timeout" $pkgs
	run GOARCH=386 CGO_ENABLED=1 CC=i686-linux-gnu-gcc go test -tags netgo,osusergo -ldflags "-linkmode external -extldflags -static" \
		-timeout "$timeout" ./internal/ctest/cstress ./runtime/pool
}

# The libraries are Debian's multiarch ones, so qemu finds them without -L,
# which would mix two C libraries.
leg_arm() {
	build=(GOARCH=arm GOARM=7 CGO_ENABLED=1 CC=arm-linux-gnueabihf-gcc CXX=arm-linux-gnueabihf-g++
		PKG_CONFIG_LIBDIR=/usr/lib/arm-linux-gnueabihf/pkgconfig:/usr/share/pkgconfig)
	packages "$drivers" ./...
	run "${build[@]}" go vet ./...
	run "${build[@]}" go test -exec qemu-arm-static -timeout "$timeout" $pkgs
}

# Go names the soft-float loader for every arm binary; Debian armhf has only
# the hard-float one.
leg_armnocgo() {
	build=(GOARCH=arm GOARM=7 CGO_ENABLED=0)
	packages "$drivers" ./...
	run "${build[@]}" go test -exec qemu-arm-static -ldflags "-I /lib/ld-linux-armhf.so.3" \
		-timeout "$timeout" $pkgs
}

# Debian has no libraries for soft float beside those of armhf.
leg_arm5() {
	build=(GOARCH=arm GOARM=5 CGO_ENABLED=0)
	packages "$bound" ./runtime/...
	run "${build[@]}" go test -exec qemu-arm-static -timeout "$timeout" $pkgs
}

# Only what has assembly of its own is run.
leg_arm64() {
	run GOARCH=arm64 CGO_ENABLED=0 go vet ./...
	run GOARCH=arm64 CGO_ENABLED=0 go test -exec qemu-aarch64-static -timeout "$timeout" ./runtime/luma
}

# The short form of make test-vm: on a real kernel, with a virtual camera and
# sound card.
leg_vm() {
	run scripts/vm/test.sh arm -short
}

# With all tools here a test that lacks one is an error, not a skip.
if [ -z "$print" ]; then
	if scripts/setup.sh test; then
		export POOLGEN_REQUIRE_ALL=1
	else
		echo "test: going on; tests that need a missing tool are skipped, legs that need one fail" >&2
	fi
fi

[ $# -gt 0 ] || set -- $legs
summary= status=0
for leg in "$@"; do
	echo "== $leg"
	failed=0 start=$SECONDS
	leg_$leg
	result=ok
	[ "$failed" = 0 ] || { result=FAIL; status=1; }
	summary+=$(printf '%-10s %-5s %5d s' "$leg" "$result" $((SECONDS - start)))$'\n'
done
[ -n "$print" ] || printf '\n%s' "$summary"
exit $status
