#!/bin/bash
# First process (PID 1) of the namespaces sshd.ts makes; see sandbox.sh. sshd insists on /run/sshd, so it gets a /run of its own.
set -eu
dir=$1

mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -m 0755 /run/sshd

/usr/sbin/sshd -D -e -f "$dir/sshd_config" &
trap : CHLD
while read -r _; do :; done

kill -KILL -1 2>/dev/null || true
rm -rf "$dir"
