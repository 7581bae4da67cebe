#!/usr/bin/env bash
# Makes a guest for tests ready: setup.sh arm|amd64|arm-full|uml
#
# build/vm/GUEST gets the kernel, the guest's files (base.cpio) and the
# versions of what they were made from. Debian's packages are downloaded and
# unpacked there; nothing is installed. A second run finds its stamp and does
# nothing, without the network.
set -euo pipefail
cd "$(dirname "$0")/../.."

guest=${1:-}
case $guest in
arm | arm-full) debian=armhf image=linux-image-armmp triplet=arm-linux-gnueabihf loader=/lib/ld-linux-armhf.so.3 ;;
amd64 | uml) debian=amd64 image=linux-image-amd64 triplet=x86_64-linux-gnu loader=/lib64/ld-linux-x86-64.so.2 ;;
*) echo "usage: scripts/vm/setup.sh arm|amd64|arm-full|uml" >&2; exit 2 ;;
esac

home=$PWD/build/vm/$guest
files=$PWD/build/vm/debian-$debian
peer=$PWD/build/vm/gstreamer-$debian
log=$PWD/build/vm/$guest.log
PATH=$PATH:/usr/sbin:/sbin

fail() {
	echo "vm: guest $guest: $*; see ${log#"$PWD"/}" >&2
	exit 1
}

# What a guest is made from besides packages: a change makes it anew.
recipe() {
	cat scripts/vm/setup.sh scripts/vm/init
	case $guest in arm-full | uml) cat scripts/vm/kernel.sh scripts/vm/common.config "scripts/vm/$guest.config" ;; esac
}

# apt-get for the guest's architecture, with nothing installed as far as it
# knows, so that it names every library.
apt() {
	apt-get -o APT::Architecture=$debian -o APT::Architectures::=$debian -o Dir::State::status=/dev/null \
		-o Debug::NoLocking=1 -o APT::Install-Recommends=0 "$@"
}

# packages NAME...: downloads and unpacks them with all that they depend on.
packages() {
	local want
	want=$(apt -s install "$@" 2>>"$log" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p')
	[ -n "$want" ] || fail "apt-get knows no package $*: scripts/setup.sh test adds the architecture $debian and updates the lists"
	# What only Debian's own boot needs.
	want=$(grep -Ev '^(initramfs-tools|klibc|libklibc|udev|linux-base|passwd|adduser|libpam|libdb|coreutils|debconf|kmod|logsave|lsb-base|sysvinit|libsemanage|cpio)' <<<"$want")
	printf '%s\n' $want >"$home/versions"
	if ! cmp -s "$home/versions" "$files/versions"; then
		rm -rf "$files"
		mkdir -p "$files/debs" "$files/tree"
		(cd "$files/debs" && apt download $want >>"$log" 2>&1) || fail "apt-get cannot download the guest's packages"
		for deb in "$files"/debs/*.deb; do
			dpkg -x "$deb" "$files/tree" || fail "cannot unpack $deb"
		done
		rm -r "$files/debs"
		cp "$home/versions" "$files/versions"
	fi
}

needed() { objdump -p "$@" 2>/dev/null | awk '$1 == "NEEDED" { print $2 }' | sort -u; }

# library NAME: copies a library, and those that it needs, into the guest.
library() {
	local dir
	[ ! -e "$root/lib/$triplet/$1" ] || return 0
	for dir in {"$files","$peer"}/tree/{usr/,}lib/$triplet; do
		[ -e "$dir/$1" ] || continue
		cp -L "$dir/$1" "$root/lib/$triplet/"
		for name in $(needed "$root/lib/$triplet/$1"); do library "$name"; done
		return 0
	done
	fail "the packages have no $1"
}

# modules NAME...: copies kernel modules and those they need. busybox's
# modprobe takes their options from the kernel's command line.
modules() {
	local release dir file name
	release=$(ls "$files/tree/lib/modules")
	dir=lib/modules/$release
	[ -e "$files/tree/$dir/modules.dep" ] || depmod -b "$files/tree" "$release"
	for name in "$@"; do
		for file in $(modprobe -d "$files/tree" -S "$release" --show-depends "$name" 2>>"$log" | awk '$1 == "insmod" { print $2 }'); do
			file=${file#"$files/tree/"}
			mkdir -p "$root/${file%/*}"
			cp "$files/tree/$file" "$root/$file"
		done
	done
	cp "$files/tree/$dir"/modules.{order,builtin,builtin.modinfo} "$root/$dir/"
	depmod -b "$root" "$release"
	echo "$@" >"$root/lib/modules/load"
}

# base: everything in the guest's file system but the test itself.
base() {
	local tool tools="aplay arecord amixer v4l2-ctl v4l2-compliance media-ctl"
	mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,run,root,job,src,usr/bin,usr/share,"lib/$triplet",lib64}
	cp "$files/tree/bin/busybox" "$root/bin/"
	ln -s busybox "$root/bin/sh"
	ln -s ../lib "$root/usr/lib"
	cp scripts/vm/init "$root/init"
	chmod +x "$root/init"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	cp -L "$files/tree$loader" "$root$loader"
	for tool in $tools; do
		cp "$files/tree/usr/bin/$tool" "$root/usr/bin/"
		for name in $(needed "$root/usr/bin/$tool"); do library "$name"; done
	done
	# What tests link to or open by name.
	for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libgcc_s.so.1 libasound.so.2 libopus.so.0 libv4l2.so.0 libz.so.1 libzstd.so.1; do library "$name"; done
	cp -r "$files/tree/usr/share/alsa" "$root/usr/share/"
	[ ! -d "$files/tree/usr/share/sounds" ] || cp -r "$files/tree/usr/share/sounds" "$root/usr/share/"
	rm -rf "$root/usr/share/alsa/ucm2" "$root/usr/share/alsa/topology"
}

# gstreamer: what captures beside the tests in the larger guests, with the one plugin that it takes. Its packages depend on ten times
# as much.
gstreamer() {
	local deb file name
	if [ ! -d "$peer/tree" ]; then
		rm -rf "$peer"
		mkdir -p "$peer/debs"
		(cd "$peer/debs" && apt download gstreamer1.0-tools gstreamer1.0-plugins-good libgstreamer{,-plugins-base}1.0-0 libglib2.0-0 libffi8 \
			libpcre2-8-0 libmount1 libblkid1 libselinux1 libgudev-1.0-0 liborc-0.4-0 libdw1 libelf1 libunwind8 libcap2 liblzma5 libbz2-1.0 \
			>>"$log" 2>&1) || fail "apt-get cannot download GStreamer"
		for deb in "$peer"/debs/*.deb; do
			dpkg -x "$deb" "$peer/unpacked" || fail "cannot unpack $deb"
		done
		rm -r "$peer/debs"
		mv "$peer/unpacked" "$peer/tree"
	fi
	mkdir -p "$root/lib/$triplet/gstreamer-1.0"
	cp "$peer/tree/usr/bin/gst-launch-1.0" "$root/usr/bin/"
	cp "$peer/tree/usr/lib/$triplet/gstreamer-1.0"/libgst{coreelements,video4linux2}.so "$root/lib/$triplet/gstreamer-1.0/"
	for file in "$root/usr/bin/gst-launch-1.0" "$root/lib/$triplet/gstreamer-1.0"/*; do
		for name in $(needed "$file"); do library "$name"; done
	done
}

mkdir -p "$home"
exec 9>"$home.lock"
flock 9
# The guest's processes must not inherit the lock.
stamp=$(recipe | sha256sum)
[ "$(cat "$home/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
echo "vm: making the guest $guest ready, once"
rm -rf "$home"
mkdir -p "$home"
: >"$log"

for tool in apt-get dpkg cpio objdump modprobe depmod; do
	command -v $tool >/dev/null || fail "no $tool here"
done
names="busybox-static v4l-utils alsa-utils libopus0 libgcc-s1 libzstd1 zlib1g $image"
packages $names
root=$home/root
base
[ "$guest" = arm ] || gstreamer
case $guest in
arm)
	modules virtio_mmio virtio_console vivid snd-aloop
	cp "$files"/tree/boot/vmlinuz-* "$home/kernel"
	;;
amd64)
	modules virtio_pci virtio_console vivid snd-aloop snd-dummy
	cp "$files"/tree/boot/vmlinuz-* "$home/kernel"
	;;
*)
	scripts/vm/kernel.sh "$guest" 9>&- || fail "cannot build its kernel"
	ln "build/vm/kernel-$guest" "$home/kernel"
	;;
esac
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$home/base.cpio"
rm -r "$root"
echo "$stamp" >"$home/stamp"
