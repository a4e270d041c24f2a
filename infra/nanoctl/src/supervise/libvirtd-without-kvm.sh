#!/bin/sh
# Starts libvirtd with a /dev of its own that lacks kvm.
#
# There are machines whose /dev/kvm exists and opens although the processor cannot virtualize: guests hang in it. libvirt finds
# KVM there when it probes QEMU, finds it unusable when it looks again, and so probes anew at every call: 5 s each. Where
# there is no such device it probes once and remembers. (A file mounted over /dev/kvm would do for the probing, but libvirt
# moves every mount below /dev into each instance's own /dev, and fails on one that is a file.)
#
# The machine keeps its /dev as it is. libvirtd sees what the machine mounts later, but not devices that appear later;
# nanoctl uses this only where no systemd, and so no udev, makes any appear.
set -eu
if [ "${1:-}" != inside ]; then
  exec unshare --mount --propagation slave sh "$0" inside
fi
devices=$(mktemp -d /run/nano-dev.XXXXXX)
mount -t tmpfs -o mode=755,nosuid tmpfs "$devices"
# Of this file system only: what is mounted below /dev comes next.
cp -a -x /dev/. "$devices/"
rm -f "$devices/kvm"
while read -r _ _ _ _ place _; do
  case $place in
    /dev/*) [ -d "$place" ] && [ -d "$devices/${place#/dev/}" ] && mount --bind "$place" "$devices/${place#/dev/}" ;;
  esac
done </proc/self/mountinfo
mount --rbind "$devices" /dev
exec libvirtd -d
