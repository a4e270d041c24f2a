#!/bin/bash
# First process (PID 1) of a local network of its own. Started by lan.ts as
#   unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash lan.sh <command> [<argument>…]
# The command runs on a host with a bridge br0 (192.168.77.2). Behind the bridge is a router of another namespace (192.168.77.1), which gives
# out 192.168.77.50 to .99 by DHCP. No packet leaves it. When the command ends, all of it ends.
set -eu
# /sys shows the network of whoever mounted it.
mount -t sysfs sysfs /sys
# `ip netns` keeps its names there, for the whole machine.
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns

ip link set lo up
ip link add br0 type bridge
ip address add 192.168.77.2/24 dev br0
ip link set br0 up
ip netns add router
ip link add lan type veth peer name eth0 netns router
ip link set lan master br0 up
ip -n router address add 192.168.77.1/24 dev eth0
ip -n router link set eth0 up
ip netns exec router dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces \
  --dhcp-range=192.168.77.50,192.168.77.99,1h --dhcp-leasefile=/run/netns/leases --pid-file= --log-facility=- &

"$@"
