#!/bin/sh
# Boots the container as a machine whose process 1 is systemd.
#
# The engine mounts control groups read-only, and of whichever version the host has. systemd needs a tree of its own to write
# to; one of version 2 is there on every kernel, also beside those of version 1.
set -eu
umount -l $(awk '$2 ~ "^/sys/fs/cgroup" { print $2 }' /proc/mounts | sort -r)
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec /lib/systemd/systemd
