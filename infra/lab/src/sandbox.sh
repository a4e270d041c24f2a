#!/bin/bash
# First process (PID 1) of a lab host. Started by libvirtd.ts as
#   unshare --mount --pid --fork --kill-child … bash sandbox.sh <dir>
# It hides the machine's libvirt state behind private directories, says "ready", and then only reaps orphans (QEMU
# daemonizes, so its exit status comes to us) until its standard input closes. Then it ends everything it started and
# removes its files: when stop() is called, and also when the process that called us was killed.
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

# CPU shares and quotas need libvirt's cgroups; two hosts must not share them. (cgroup v1; without it libvirt does without.)
cpu=/sys/fs/cgroup/cpu
own=$cpu/$(basename "$dir")
if [ -e $cpu/cpu.shares ]; then
  mkdir "$own"
  mount --bind "$own" $cpu
  # An empty v2 hierarchy beside v1 (as some containers have it) makes libvirt ask it for controllers it lacks.
  if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
fi

echo ready
# bash's own SIGCHLD handler waits for every child, adopted ones too, while `read` blocks.
trap : CHLD
while read -r _; do :; done

kill -KILL -1 2>/dev/null || true
wait
if mountpoint -q $cpu; then
  # A dead process leaves its group a moment after its parent has seen it die.
  for _ in $(seq 50); do
    find $cpu -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.02
  done
  umount $cpu
  if [ -d "$own" ]; then rmdir "$own" || true; fi
fi
rm -rf "$dir"
