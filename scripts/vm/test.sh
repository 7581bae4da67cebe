#!/usr/bin/env bash
# Tests on a real kernel: scripts/vm/test.sh GUEST [go test flag ...]
#
# Runs the tests of the packages that lean on the kernel in the guest arm,
# amd64, arm-full or uml, with cgo and with purego; on amd64 with -race too.
set -uo pipefail
cd "$(dirname "$0")/../.."

guest=${1:-arm}
[ $# = 0 ] || shift
scripts/vm/setup.sh "$guest" || exit

packages="./internal/sys ./internal/testutil ./internal/soak ./runtime/... ./ffi/... ./examples/..."
bindings="./runtime/dl ./ffi/..."
exec="$PWD/scripts/vm/exec.sh $guest"
status=0
# Without -short, cameras run for minutes, and once for half an hour.
limit=10m long=
case $guest in
arm-full) limit=75m long=POOLGEN_LONG=1 ;;
uml) limit=30m ;;
esac
case " $* " in *" -short "*)
	long=
	# Of the rest nothing depends on the kernel, and qemu alone runs it too; what binds no library is the same with cgo and without.
	packages="./internal/sys ./internal/testutil ./internal/soak ./runtime/dl ./runtime/pool ./runtime/ring ./runtime/ipc ./runtime/store ./runtime/metrics"
	packages+=" ./ffi/alsa ./ffi/hotplug ./ffi/libv4l2 ./ffi/v4l2 ./examples/..."
	bindings="./runtime/dl ./ffi/alsa ./ffi/libv4l2"
	;;
esac

# tests ENV... -- flag... package...: go test in the guest.
tests() {
	local env=()
	while [ "$1" != -- ]; do env+=("$1"); shift; done
	shift
	printf '+'
	printf ' %q' "${env[@]}" go test -exec "$exec" "$@"
	echo
	env "${env[@]}" go test -exec "$exec" "$@" || status=1
}

case $guest in
arm | arm-full)
	tests $long GOARCH=arm GOARM=7 CGO_ENABLED=1 CC=arm-linux-gnueabihf-gcc CXX=arm-linux-gnueabihf-g++ \
		PKG_CONFIG_LIBDIR=/usr/lib/arm-linux-gnueabihf/pkgconfig:/usr/share/pkgconfig \
		-- -timeout $limit "$@" $packages
	# Go names the soft-float loader, which Debian armhf lacks.
	tests GOARCH=arm GOARM=7 CGO_ENABLED=0 -- -ldflags "-I /lib/ld-linux-armhf.so.3" -timeout $limit "$@" $bindings
	;;
*)
	tests CGO_ENABLED=1 -- -timeout $limit "$@" $packages
	tests CGO_ENABLED=0 -- -timeout $limit "$@" $bindings
	[ "$guest" != amd64 ] || VM_MEMORY=2048 tests CGO_ENABLED=1 -- -race -timeout $limit "$@" ./runtime/... ./ffi/...
	;;
esac
# What goes wrong in a guest is a failure here.
echo "+ POOLGEN_GUEST=$guest go test -count=1 $* -run ^TestHarness$ ./internal/testutil"
POOLGEN_GUEST=$guest go test -count=1 "$@" -run '^TestHarness$' ./internal/testutil || status=1
exit $status
