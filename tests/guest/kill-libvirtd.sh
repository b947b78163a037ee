#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# SIGKILL of libvirtd while it starts or ends a domain, sooner or later. The domain's next run has the
# right disks, and ends as ever.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
kinds_make "$dir"

# kill_after SECONDS COMMAND...: libvirtd is killed so long after virsh was told to do that; and comes
# back.
kill_after()
{
    local seconds=$1 client
    shift
    virsh "$@" >/dev/null 2>&1 &
    client=$!
    sleep "$seconds"
    lab_kill_libvirtd
    wait "$client" || true
    lab_start_libvirtd
}

# end_domain: what runs still ends. A device model that the daemon had started and not yet noted is
# nobody's: it may have the images open, so who starts the domain is told so, and has to end it.
end_domain()
{
    if domain_is_off vm; then
        pgrep -x qemu-system-x86 >/dev/null || return 0
        fails_with "in use & 'vm'" virsh start vm
        strays=$((strays + 1))
        kill_device_models
    elif ! timeout 3 virsh -q -c qemu:///system destroy vm 2>/dev/null; then
        # libvirt 9.0 waits for good for one that it noted and that never began to run.
        lab_kill_libvirtd
        kill_device_models
        rm -f /run/libvirt/qemu/vm.*
        lab_start_libvirtd
    fi
    guest_wait vm
}

# next_run: what runs still is ended, and then there is one more run.
next_run()
{
    local before

    end_domain
    workers_done
    before=$(counter "$(ls "$POOL"/vm/persistent-dirty.img 2>/dev/null || echo "$POOL/vm/persistent.img")")
    [ "$before" -ge "$count" ] && [ "$before" -le $((count + 1)) ] ||
        die "$what: $before after $count"
    kinds_no_strangers
    virsh start vm
    kinds_idle
    [ "$(kinds_counts | cut -d ' ' -f 1-3)" = "$((before + 1)) 101 1" ] ||
        die "$what: $(kinds_counts) after $before"
    virsh destroy vm
    kinds_no_dirty
    count=$(counter "$POOL/vm/persistent.img")
    [ "$count" = $((before + 1)) ] || die "$what: $count after $before"
    direct=$(counter "$POOL/vm/direct.img")
    [ "$direct" -gt "$last_direct" ] || die "$what: direct has $direct after $last_direct"
    last_direct=$direct
}

# No two revisions are the same inode, nor is one the current image.
kinds_no_strangers()
{
    [ "$(find "$POOL/vm" -name 'persistent.img*' ! -name '*~*' -printf '%i\n' | sort | uniq -d)" = "" ] ||
        [ -e "$POOL/vm/persistent-dirty.img" ] || die "$what: two names for one image"
}

count=0 last_direct=0 strays=0
kinds_wish P
for seconds in 0 0.02 0.04 0.06 0.08 0.1 0.15 0.2 0.3 0.5; do
    what="start, killed after $seconds s"
    kill_after $seconds start vm
    next_run
done
ok "libvirtd killed while it starts a domain ($strays times, a device model was left behind)"

for seconds in 0 0.02 0.05 0.1 0.15 0.2 0.25 0.3 0.4; do
    what="stop, killed after $seconds s"
    virsh start vm
    kinds_idle
    count=$((count + 1))
    kill_after $seconds destroy vm
    next_run
done
ok "libvirtd killed while it ends a domain"

expect_info vm/persistent "stopped"
no_temporary
done_testing
