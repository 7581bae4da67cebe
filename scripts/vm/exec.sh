#!/usr/bin/env bash
# Runs a test binary in a guest: go test -exec "$PWD/scripts/vm/exec.sh GUEST"
#
# The output and the exit status are those of the binary. Its working
# directory is the same folder of a copy of the module, /src; the environment
# holds POOLGEN_VM=1 (full for the kernels that are built), those POOLGEN_* and
# GO* variables that are set here, and with uml POOLGEN_DISK, a folder of the
# host that goes with the guest and can be mounted there as hostfs. A guest that panics, hangs or dies ends
# the run with an error and the last lines of its console.
#
#   VM_CPUS, VM_MEMORY  processors (2) and MiB of the guest (1024)
#   VM_CMDLINE          more options for the kernel and its drivers
#   VM_LIMIT            seconds until the guest is cut (-test.timeout + 90)
set -uo pipefail

[ $# -ge 2 ] || { echo "usage: go test -exec \"\$PWD/scripts/vm/exec.sh arm|amd64|arm-full|uml\"" >&2; exit 2; }
guest=$1 binary=$2
shift 2
top=$(cd "$(dirname "$0")/../.." && pwd)
home=$top/build/vm/$guest
[ -e "$home/stamp" ] || { echo "vm: no guest $guest here: run scripts/vm/setup.sh $guest" >&2; exit 1; }
work=$(mktemp -d "$top/build/vm/run.XXXXXX") || exit 1
qemu= watch=
trap 'rm -rf "$work"' EXIT
trap 'kill -KILL $qemu -$qemu $watch 2>/dev/null; exit 1' INT TERM QUIT HUP

# seconds DURATION: of Go's "1h2m3.5s", rounded down; 0 is none.
seconds() {
	local s=$1 sum=0
	while [[ $s =~ ^([0-9]+)(\.[0-9]+)?(h|ms|m|s)(.*)$ ]]; do
		case ${BASH_REMATCH[3]} in
		h) sum=$((sum + BASH_REMATCH[1] * 3600)) ;;
		m) sum=$((sum + BASH_REMATCH[1] * 60)) ;;
		s) sum=$((sum + BASH_REMATCH[1])) ;;
		esac
		s=${BASH_REMATCH[4]}
	done
	echo $sum
}

limit=690 full=1
args=()
for arg in "$@"; do
	case $arg in
	# go test's record for its cache: what a device answers cannot be cached.
	-test.testlogfile=*) continue ;;
	-test.coverprofile=* | -test.gocoverdir=* | -test.cpuprofile=* | -test.memprofile=* | -test.blockprofile=* | -test.mutexprofile=* | -test.trace=*)
		echo "vm: ${arg%%=*}: files that a test writes stay in the guest" >&2
		exit 2
		;;
	-test.timeout=0 | -test.timeout=0s) limit=infinity ;;
	-test.timeout=*) limit=$(($(seconds "${arg#*=}") + 90)) ;;
	esac
	args+=("$arg")
done
limit=${VM_LIMIT:-$limit}
case $guest in arm-full | uml) full=full ;; esac

# The job: a copy of the module without what is built, the binary, a script.
mkdir -p "$work/root/src" "$work/root/job"
case $PWD/ in
"$top"/*)
	folder=/src${PWD#"$top"}
	tar -C "$top" -c --exclude=./.git --exclude=./build . | tar -C "$work/root/src" -x || exit 1
	;;
*)
	echo "vm: $PWD is not in $top" >&2
	exit 2
	;;
esac
cp "$binary" "$work/root/job/test"
{
	echo '#!/bin/sh'
	while IFS='=' read -r -d '' name value; do
		case $name in
		POOLGEN_VM | POOLGEN_DISK) ;;
		POOLGEN_* | GODEBUG | GOTRACEBACK | GOMAXPROCS | GOGC | GOMEMLIMIT | GORACE) printf 'export %s=%q\n' "$name" "$value" ;;
		esac
	done < <(env -0)
	# A disk, which its memory does not pay for: a folder of the host for hostfs.
	[ "$guest" != uml ] || { mkdir "$work/disk" && printf 'export POOLGEN_DISK=%q\n' "$work/disk"; }
	printf 'export POOLGEN_VM=%s\ncd %q || exit\nexec /job/test' "$full" "$folder"
	[ ${#args[@]} = 0 ] || printf ' %q' "${args[@]}"
	echo
} >"$work/root/job/run"
chmod +x "$work/root/job/run" "$work/root/job/test"
cp "$home/base.cpio" "$work/initrd"
(cd "$work/root" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet) >>"$work/initrd" || exit 1
rm -r "$work/root"

# vivid: a webcam, TV, S-Video and HDMI behind one node, an output node, and
# the same again with planes apart. As few nodes as that: each costs time.
append="panic=-1 oops=panic quiet vm.time=$(date +%s) vivid.n_devs=2 vivid.node_types=0x101,0x101 vivid.multiplanar=1,2 ${VM_CMDLINE:-}"
memory=${VM_MEMORY:-1024}
machine=(-accel "tcg,thread=multi" -smp "${VM_CPUS:-2}" -m "$memory" -display none -monitor none -nodefaults -no-reboot
	-kernel "$home/kernel" -initrd "$work/initrd" -serial "file:$work/console")
# Not qemu's stdio, which it closes when its input has ended.
ports=(-chardev "file,id=out,path=$work/out" -device "virtserialport,chardev=out,name=out"
	-chardev "file,id=status,path=$work/status" -device "virtserialport,chardev=status,name=status")
case $guest in
arm | arm-full)
	command=(qemu-system-arm -M virt -cpu cortex-a7 "${machine[@]}" -append "console=ttyAMA0 $append" -device virtio-serial-device "${ports[@]}")
	;;
amd64)
	command=(qemu-system-x86_64 -M q35 -cpu max "${machine[@]}" -append "console=ttyS0 $append" -device virtio-serial-pci "${ports[@]}")
	;;
uml)
	: >"$work/status"
	exec 5>"$work/status"
	command=("$home/kernel" "mem=${memory}M" "initrd=$work/initrd" "uml_dir=$work" umid=guest con=null "con0=null,fd:2" ssl=null
		"ssl0=null,fd:3" "ssl1=null,fd:5" $append)
	;;
esac

mkfifo "$work/out"
cat "$work/out" &
cat=$!
if [ "$guest" = uml ]; then
	"${command[@]}" </dev/null 2>"$work/console" 3>"$work/out" &
else
	"${command[@]}" </dev/null >"$work/errors" 2>&1 &
fi
qemu=$!
# Not timeout(1): the guest must die with this script too.
exec 6>&2 2>/dev/null # the shell tells of what it kills
sleep "$limit" >/dev/null &
watch=$!
wait -n $qemu $watch
kill -0 $watch || : >"$work/cut"
kill $watch
wait $watch
[ ! -e "$work/cut" ] || kill -KILL $qemu
wait $qemu
ended=$?
# User-mode Linux is a group of processes, and leaves some that hold the output.
[ "$guest" != uml ] || kill -KILL -- -$qemu
: <>"$work/out" # lets cat go where qemu never opened it
wait $cat
exec 2>&6
qemu= watch=

status=$(tr -dc 0-9 <"$work/status" 2>/dev/null)
if [ -z "$status" ]; then
	why="it ended without a result, qemu with status $ended"
	[ ! -e "$work/cut" ] || why="it was cut after $limit s"
	echo "vm: guest $guest: $why; the last lines of its console:"
	cat "$work/errors" 2>/dev/null
	tail -n 40 "$work/console" | tr -d '\r'
	exit 1
fi
exit "$status"
