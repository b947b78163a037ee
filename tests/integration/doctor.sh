#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# One look tells that it works: the line at the daemon's start.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool later

# --- what the daemon says when it starts

link=/etc/libvirt/hooks/qemu.d/50-reflink

# start_says REGEX...: the daemon, started again, writes such lines of ours, and no others.
start_says()
{
    local said

    : >"$LAB/libvirtd.log"
    lab_restart_libvirtd
    said=$(grep -E 'libvirt-reflink: |reflink pools: ' "$LAB/libvirtd.log" || true)
    [ "$(wc -l <<<"$said")" = $# ] || die "the daemon says '$said', not $# lines"
    while [ $# -gt 0 ]; do
        grep -E -q -e "$1" <<<"$said" || die "the daemon says '$said', not /$1/"
        shift
    done
}

lab_start_libvirtd
# Warnings alone are what libvirt logs by default.
sed -i 's/^log_filters/#&/' /etc/libvirt/libvirtd.conf
start_says "^reflink pools: module [0-9.]+ for libvirt [0-9.]+, hooks linked for qemu and libxl$"
mv "$link" "$LAB/hook"
start_says "hooks linked for libxl$" "hook for qemu is not linked;.*type 'mkdir -p ${link%/*}; ln -s [^ ]*-hook $link'"
install -m 644 /bin/true "$link"
start_says "hooks linked for libxl$" "hook for qemu, '$link', is not executable;.*chmod 755 $link"
ln -sf /gone/libvirt-reflink-hook "$link"
start_says "hooks linked for libxl$" "hook for qemu, '$link', leads to no program"
ok "the daemon says that the module is loaded, and warns of a hook that it does not call"

# As from a service: the journal takes the priority of a line from the number before it.
lab_stop_libvirtd
: >"$LAB/libvirtd.log"
lab_start_libvirtd "JOURNAL_STREAM=$(stat -L -c %d:%i "$LAB/libvirtd.log")"
grep -q '^<6>reflink pools: ' "$LAB/libvirtd.log" || die "the line has no priority"
grep -q '^<4>libvirt-reflink: the hook for qemu' "$LAB/libvirtd.log" || die "the warning has no priority"
mv "$LAB/hook" "$link"
ok "the journal gets a warning as a warning"

done_testing
