#!/usr/bin/env bash
# Runs a command as root in a virtual machine with Debian's stock kernel: version 6.1 on Debian 12, cgroup v2 alone.
#
#   test/vm/vm.sh [--memory MIB] [--timeout SECONDS] [--disk FILE] [--systemd] COMMAND [ARGUMENT ...]
#
# Plain emulation, so that it runs where the machine is itself a virtual one; it boots in some five seconds.
#
# The guest sees this machine's file system read-only below a writable layer in memory, so every program and file of this machine is
# there, at its own path, and what the guest writes is gone at its end. Standard output, standard error and the exit status are the
# command's; 124 past --timeout, 125 where the guest could not run it. The kernel is unpacked, not installed, into build/vm once.
#
# --disk FILE (made as 2 GiB of ext4 where it is missing) is where the default engine's root lies, and stays from one guest to the next. A command
# that writes b to /proc/sysrq-trigger cuts the power: what was not on the disk is lost, and the status is 125.
#
# --systemd boots systemd, with the units that this machine's packages bring and those that the disk has kept in /etc/systemd/system; the command is a
# service of it, and the guest is powered off by it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(realpath -m "$here/../../build/vm")
memory=2048 limit=300 disk= systemd=
while (($#)); do
  case $1 in
    --memory) memory=$2; shift 2 ;;
    --timeout) limit=$2; shift 2 ;;
    --disk) disk=$2; shift 2 ;;
    --systemd) systemd=1; shift ;;
    *) break ;;
  esac
done

fail() { echo "vm: $*" >&2; exit 125; }
(($#)) || fail 'which command? usage: vm.sh [--memory MIB] [--timeout SECONDS] [--disk FILE] [--systemd] COMMAND [ARGUMENT ...]'
[[ $(uname -m) == x86_64 ]] || fail "the guest is x86_64, this machine is $(uname -m)"
PATH=$PATH:/usr/sbin:/sbin
for program in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio modprobe:kmod; do
  command -v "${program%:*}" >/dev/null || fail "${program%:*} is missing: apt-get install ${program#*:}"
done

# The kernel of the distribution's current package, with the modules that a server without hardware can use.
unpack_kernel() {
  local package
  package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  [[ -n $package ]] || { apt-get update -qq; package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ {print $2; exit}'); }
  [[ -n $package ]] || fail 'apt knows no linux-image-amd64'
  mkdir -p deb kernel
  (cd deb && { apt-get download -qq -o APT::Sandbox::User=root "$package" || { apt-get update -qq && apt-get download -qq -o APT::Sandbox::User=root "$package"; }; }) || fail "apt cannot download $package"
  dpkg-deb --fsys-tarfile deb/*.deb | tar -x -C kernel --wildcards './boot/vmlinuz-*' './lib/modules/*/modules.*' \
    './lib/modules/*/kernel/'{arch,crypto,fs,lib,net} './lib/modules/*/kernel/drivers/'{virtio,block,'net/*.ko'}
  depmod -b kernel "$(ls kernel/lib/modules)"
  rm -r deb
}

# The first file system: enough to mount the machine's.
make_initrd() {
  local release=$1 file to
  mkdir -p initrd/bin
  cp "$(command -v busybox)" initrd/bin/busybox
  install -m 755 "$here/init.sh" initrd/init
  for module in virtio_pci 9pnet_virtio 9p overlay; do
    modprobe -d kernel -S "$release" --show-depends "$module"
  done | awk '$1 == "insmod" {print $2}' | sort -u | while read -r file; do
    to=initrd/lib/modules/$release/${file##*/lib/modules/"$release"/}
    mkdir -p "$(dirname "$to")"
    cp "$file" "$to"
  done
  cp kernel/lib/modules/"$release"/modules.{order,builtin,builtin.modinfo} "initrd/lib/modules/$release/"
  depmod -b initrd "$release"
  (cd initrd && find . | cpio -o -H newc 2>/dev/null | gzip -1) >initrd.gz
  rm -r initrd
}

mkdir -p "$cache"
(
  flock 9
  cd "$cache"
  [[ ready -nt $here/init.sh && ready -nt ${BASH_SOURCE[0]} ]] && exit
  rm -rf deb kernel initrd ready
  unpack_kernel
  make_initrd "$(ls kernel/lib/modules)"
  touch ready
) 9>"$cache/lock"
release=$(ls "$cache/kernel/lib/modules")

job=$(mktemp -d)
qemu=
trap 'if [[ -n $qemu ]]; then kill "$qemu" 2>/dev/null || :; wait "$qemu" || :; fi; rm -rf "$job"' EXIT
trap 'exit 143' TERM INT
cp "$here/guest.sh" "$job/guest"
echo "$PWD" >"$job/folder"
{ printf 'cd %q\n' "$PWD"; printf '%q ' "$@"; echo; } >"$job/command"
[[ -z $systemd ]] || touch "$job/systemd"
touch "$job/stdout" "$job/stderr"

drive=()
if [[ -n $disk ]]; then
  [[ -e $disk ]] || { truncate -s 2G "$disk" && mkfs.ext4 -q -F "$disk"; }
  drive=(-drive "file=$disk,if=virtio,format=raw,cache=unsafe") # this machine does not fail, so what the guest has flushed need not be flushed here
fi
share() { printf '%s\n' -fsdev "local,id=$1,path=$2,security_model=passthrough,multidevs=remap$3" -device "virtio-9p-pci,fsdev=$1,mount_tag=$1"; }
mapfile -t shares < <(share machine / ,readonly=on; share modules "$cache/kernel/lib/modules/$release" ,readonly=on; share job "$job" '')
timeout -k 5 "$limit" qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m "$memory" \
  -display none -monitor none -no-reboot -nodefaults -serial "file:$job/console" \
  -kernel "$cache/kernel/boot/vmlinuz-$release" -initrd "$cache/initrd.gz" -append 'console=ttyS0 quiet panic=-1' \
  "${shares[@]}" "${drive[@]}" </dev/null 2>"$job/qemu" &
qemu=$!
tail -n +1 -q -f --pid=$qemu "$job/stderr" >&2 &
code=0
wait $qemu || code=$?
qemu=
wait
cat "$job/stdout"
if ((code == 124 || code == 137)); then echo "vm: no end within $limit s" >&2; exit 124; fi
if [[ -s $job/status ]]; then exit "$(cat "$job/status")"; fi
tail -n 20 "$job/qemu" "$job/console" >&2
fail 'the guest stopped before the command ended; see its console above'
