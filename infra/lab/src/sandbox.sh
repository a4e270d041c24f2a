#!/bin/bash
# First process (PID 1) of a lab host. Started by libvirtd.ts as
#   unshare --mount --pid --fork --kill-child … bash sandbox.sh <dir>
# It hides the machine's libvirt state behind private directories, says "ready", and then only
# reaps orphans (QEMU daemonizes, so its exit status comes to us) until its standard input closes.
# The kernel ends every other process of the namespace when PID 1 ends, so nothing can leak:
# not when stop() is called, and not when the process that called us is killed.
set -eu
dir=$1

mount -t proc proc /proc
mount --bind "$dir/run" /run
mkdir -p /run/lock
for each in lib cache log; do
  mount --bind "$dir/$each" "/var/$each/libvirt"
done
mount --bind "$dir/etc" /etc/libvirt
# A kernel can offer /dev/kvm and then hang its guests: the lab never lets anyone try. A file that cannot be written is
# what libvirt takes for "no KVM"; anything else makes it probe QEMU again at each start (4 s).
if [ -e /dev/kvm ]; then
  : >"$dir/no-kvm"
  mount --bind "$dir/no-kvm" /dev/kvm
  mount -o remount,bind,ro /dev/kvm
fi

echo ready
# bash's own SIGCHLD handler waits for every child, adopted ones too, while `read` blocks.
trap : CHLD
while read -r _; do :; done
