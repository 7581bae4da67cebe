#!/usr/bin/env bash
# Installs what a make target needs and this machine lacks: setup.sh demo|test|vm|bench
#
# Every package has a probe, a command or a file, so a second run costs a few
# milliseconds, touches nothing and needs no network. Debian and its
# descendants only; elsewhere the script names what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

host_lib() { pkg-config --exists "$1" 2>/dev/null; }
# The armhf libraries are Debian multiarch ones: they live beside the host's.
armhf_lib() { [ -e "/usr/lib/arm-linux-gnueabihf/$1" ]; }
library() { ldconfig -p | grep -q "^[[:space:]]*$1 "; }
tool() { command -v "$1" >/dev/null; }

# Prints the packages whose probe fails, for one line of "package probe args".
probe() {
	while read -r package check; do
		[ -n "$package" ] || continue
		$check || echo "$package"
	done
}

# What looks at the page of examples/meteor; Debian's own, with windows or without.
browser() { tool chromium || tool chromium-headless-shell; }

# The runtime of the release's own clang, whose version is in the path.
clang_runtime() { compgen -G "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan*" >/dev/null; }

demo_packages() {
	probe <<-END
		gcc tool gcc
		libc6-dev test -e /usr/include/stdlib.h
		pkg-config tool pkg-config
		libopus-dev host_lib opus
		libasound2-dev host_lib alsa
		libv4l-dev host_lib libv4l2
		alsa-utils tool aplay
		opus-tools tool opusenc
	END
}

test_packages() {
	demo_packages
	probe <<-END
		g++ tool g++
		gcc-arm-linux-gnueabihf tool arm-linux-gnueabihf-gcc
		g++-arm-linux-gnueabihf tool arm-linux-gnueabihf-g++
		libc6-dev-armhf-cross test -e /usr/arm-linux-gnueabihf/lib/libc.so
		gcc-aarch64-linux-gnu tool aarch64-linux-gnu-gcc
		libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/lib/libc.so
		gcc-i686-linux-gnu tool i686-linux-gnu-gcc
		libc6-dev-i386-cross test -e /usr/i686-linux-gnu/lib/libc.so
		qemu-user-static tool qemu-arm-static
		qemu-system-arm tool qemu-system-arm
		cpio tool cpio
		kmod test -e /usr/sbin/modprobe
		clang tool clang
		zlib1g-dev test -e /usr/include/zlib.h
		libzstd-dev test -e /usr/include/zstd.h
		zstd tool zstd
		libsqlite3-dev test -e /usr/include/sqlite3.h
		liblua5.4-dev test -e /usr/include/lua5.4/lua.h
		libcjson-dev test -e /usr/include/cjson/cJSON.h
		chromium-headless-shell browser
	END
	clang_runtime || echo libclang-rt-dev
}

# What the guests of make test-vm and test-vm-full need besides.
vm_packages() {
	test_packages
	probe <<-END
		qemu-system-x86 tool qemu-system-x86_64
		make tool make
		flex tool flex
		bison tool bison
		bc tool bc
		lz4 tool lz4
		xz-utils tool xz
	END
}

# The allocators that ours is measured beside.
bench_packages() {
	probe <<-END
		gcc tool gcc
		libc6-dev test -e /usr/include/stdlib.h
		libmimalloc2.0 library libmimalloc.so.2
		libjemalloc2 library libjemalloc.so.2
		libtcmalloc-minimal4 library libtcmalloc_minimal.so.4
		pkg-config tool pkg-config
		libopus-dev host_lib opus
		alsa-utils test -e /usr/share/sounds/alsa/Front_Center.wav
	END
}

# Never gcc-multilib: it conflicts with the ARM cross compilers.
armhf_packages() {
	probe <<-END
		libopus-dev:armhf armhf_lib libopus.so
		libasound2-dev:armhf armhf_lib libasound.so
		libv4l-dev:armhf armhf_lib libv4l2.so
		libzstd-dev:armhf armhf_lib libzstd.so
	END
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# All that the mode needs and lacks.
lacking() {
	$packages
	case $mode in test | vm) armhf_packages ;; esac
}

# Ends with the line to run by hand where this script may not or could not.
by_hand() {
	set -- $(lacking)
	local line="apt-get update; apt-get install -y --no-install-recommends $*"
	case "$*" in *:armhf*) line="dpkg --add-architecture armhf; $line" ;; esac
	echo "setup: missing: $*" >&2
	echo "setup: install them with: sudo sh -c '$line'" >&2
	exit 1
}

# An update that fails for one index (the security archive has no complete
# armhf part) still leaves the others usable, so its result does not count:
# what counts is whether the packages can be installed.
install() {
	tool apt-get || by_hand
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || by_hand
	echo "setup: installing $*"
	mkdir -p build
	as_root apt-get -qq update >build/setup.log 2>&1 </dev/null || true
	as_root apt-get -qq install -y --no-install-recommends "$@" >>build/setup.log 2>&1 </dev/null ||
		{ tail -n 20 build/setup.log >&2; by_hand; }
}

mode=${1:-}
case $mode in
demo) packages=demo_packages ;;
test) packages=test_packages ;;
vm) packages=vm_packages ;;
bench) packages=bench_packages ;;
*) echo "usage: setup.sh demo|test|vm|bench" >&2; exit 2 ;;
esac

tool go || { echo "setup: no go command; Go 1.26 or later is at https://go.dev/dl/" >&2; exit 1; }
missing=$($packages)
[ -z "$missing" ] || install $missing

if [ "$mode" = test ] || [ "$mode" = vm ]; then
	missing=$(armhf_packages)
	if [ -n "$missing" ]; then
		if tool dpkg && ! dpkg --print-foreign-architectures | grep -qx armhf &&
			[ "$(dpkg --print-architecture)" != armhf ]; then
			as_root dpkg --add-architecture armhf || by_hand
		fi
		install $missing
	fi
fi

[ -z "$(lacking)" ] || by_hand
