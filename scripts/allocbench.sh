#!/usr/bin/env bash
# Measures the generated allocator from C beside those of Debian, in one run:
# allocbench.sh [rounds]
#
# A column is one malloc and one free, in nanoseconds, with its multiple of one
# uncontended atomic add; below it the ratio to ours. small: 32 B to 1 KiB,
# wide: 32 B to 128 KiB; 1t, 2t: threads that replace random blocks among a
# thousand; cross: blocks that another thread frees.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-4000000}
mkdir -p build
cc=${CC:-gcc}
$cc -O2 -std=c11 -pthread -o build/allocbench-libc internal/ctest/testdata/alloc_bench.c
$cc -O2 -std=c11 -pthread -DPOOLGEN_BENCH -Iinclude -o build/allocbench internal/ctest/testdata/alloc_bench.c

library() { ldconfig -p | awk -v n="$1" '$1 == n { print $NF; exit }'; }

{
	echo "poolgen $(build/allocbench "$rounds")"
	echo "glibc $(build/allocbench-libc "$rounds")"
	for peer in mimalloc:libmimalloc.so.2 jemalloc:libjemalloc.so.2 tcmalloc:libtcmalloc_minimal.so.4; do
		path=$(library "${peer#*:}")
		if [ -n "$path" ]; then
			echo "${peer%%:*} $(LD_PRELOAD=$path build/allocbench-libc "$rounds")"
		else
			echo "allocbench: no ${peer#*:}: scripts/setup.sh bench installs it" >&2
		fi
	done
} | awk '
	BEGIN { printf "%-10s %8s", "", "add"; split("small-1t small-2t small-cross wide-1t wide-2t wide-cross", c, " "); for (i = 1; i <= 6; i++) printf " %18s", c[i]; print "" }
	{
		printf "%-10s %5.2f ns", $1, $2
		for (i = 3; i <= 8; i++) { if (NR == 1) own[i] = $i; printf " %8.1f ns %5.1f A", $i, $i / $2 }
		printf "\n"
		if (NR > 1) { printf "%-19s", "  ratio to ours"; for (i = 3; i <= 8; i++) printf " %18.2f", $i / own[i]; printf "\n" }
	}'
