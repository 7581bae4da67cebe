#!/usr/bin/env bash
# Builds the kernel of a guest from Debian's source: kernel.sh arm-full|uml
#
# The result is build/vm/kernel-GUEST, from the configuration in this folder. It
# stays until that changes: it takes minutes. The source is unpacked once for
# both; the objects go when the kernel is done.
set -euo pipefail
cd "$(dirname "$0")/../.."

guest=$1
# The release whose drivers the tests were written with.
package=linux-source-6.1
kernel=$PWD/build/vm/kernel-$guest
out=$PWD/build/vm/objects-$guest
source=$PWD/build/vm/$package
log=$PWD/build/vm/kernel-$guest.log

fail() {
	echo "vm: kernel of $guest: $*; see ${log#"$PWD"/}" >&2
	exit 1
}

unpack() {
	local dir=$source.new
	[ ! -e "$source/Makefile" ] || return 0
	rm -rf "$dir" "$source"
	mkdir -p "$dir/deb"
	(cd "$dir/deb" && apt-get download $package >>"$log" 2>&1) || fail "apt-get cannot download $package"
	dpkg -x "$dir"/deb/*.deb "$dir/deb"
	tar -C "$dir" -xf "$dir"/deb/usr/src/$package.tar.xz --strip-components=1
	rm -r "$dir/deb"
	# User-mode Linux has no sound only because no card can be plugged into it.
	sed -i 's/^if !UML$/if y/' "$dir/sound/Kconfig"
	mv "$dir" "$source"
}

case $guest in
arm-full) make=(ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf-) target=zImage image=arch/arm/boot/zImage ;;
uml) make=(ARCH=um) target=linux image=linux ;;
*) fail "unknown" ;;
esac
stamp=$(cat scripts/vm/{kernel.sh,common.config,"$guest.config"} | sha256sum)
[ ! -e "$kernel" ] || [ "$(cat "$kernel.stamp" 2>/dev/null)" != "$stamp" ] || exit 0
echo "vm: building the kernel of $guest, once"
rm -rf "$kernel" "$out"
: >"$log"
for tool in make gcc flex bison bc xz lz4; do
	command -v $tool >/dev/null || fail "no $tool here: scripts/setup.sh vm installs it"
done

{
	flock 8
	unpack
} 8>"$source.lock"
mkdir -p "$out"
make=(make -s -C "$source" "O=$out" "${make[@]}")
"${make[@]}" tinyconfig >>"$log" 2>&1 || fail "tinyconfig failed"
cat scripts/vm/common.config "scripts/vm/$guest.config" >"$out/ours.config"
(cd "$out" && "$source/scripts/kconfig/merge_config.sh" -m -O . .config ours.config >>"$log" 2>&1) || fail "merging the configuration failed"
"${make[@]}" olddefconfig >>"$log" 2>&1 || fail "olddefconfig failed"
# An option that does not exist, or depends on one that is off, would vanish
# without a word.
while read -r line; do
	grep -qxF "$line" "$out/.config" || fail "the kernel refuses $line"
done < <(grep '^CONFIG_.*=[^n]' "$out/ours.config")
nice "${make[@]}" -j "$(nproc)" $target >>"$log" 2>&1 || fail "make $target failed"
cp "$out/$image" "$kernel"
rm -r "$out"
echo "$stamp" >"$kernel.stamp"
