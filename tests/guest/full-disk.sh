#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A guest fills the disk that its pool lies on. libvirt pauses it; what it wrote is committed all the
# same, or kept for later, and nothing is lost; with space it goes on, or starts again.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states guest kinds full-disk size=320M -- qemu-system-x86_64 fallocate strace
POOL=$pool

guest_pool "$pool" "<reflink:revisions keep='2'/>"
boot_volume vm/big
virsh vol-resize vm/big 512M --pool qubes
virsh vol-create-as qubes vm/other 24M
fallocate -l 24M "$pool/vm/other.img"
guest_domain vm vm/big
clean=$pool/vm/big.img dirty=$pool/vm/big-dirty.img
guest_run vm
workers_done
[ "$(counter "$clean")" = 1 ]

domain_is_paused()
{
    virsh domstate vm --reason | grep -q "paused (I/O error)"
}

# fill_by_guest: the guest writes until there is no space.
fill_by_guest()
{
    fill_up 25165824
    virsh start vm --paused
    guest_wish "$dirty" F
    virsh resume vm
    eventually 120 domain_is_paused
    expect "no space" virsh domblkerror vm
    sync -f "$dir"
    info_follows
    echo "# $(($(stat -c %b "$dirty") / 2048)) MiB allocated to the dirty image"
}

# comes_back: whatever has become of the run, all that the guest has written is there: its counter says
# NUMBER, and a piece of 32 KiB from the second MiB on was written.
comes_back()
{
    local image=$clean

    [ ! -e "$dirty" ] || image=$dirty
    [ "$(counter "$image")" = "$1" ] || die "the guest had counted to $1, not $(counter "$image")"
    [ "$(stat -c %s "$image")" = 536870912 ]
    [ "$(stat -c %b "$image")" -gt 16384 ] || die "what the guest wrote is not there"
}

# --- with space it goes on

fill_by_guest
drop_ballast
virsh vol-delete vm/other qubes
rm -f "$LAB/said"
virsh destroy vm # the rest of 512 MiB would not fit either
workers_done
comes_back 2
[ ! -e "$dirty" ]
expect_revisions vm/big "1 2"
info_follows
ok "a guest that filled the disk, and was ended when there was space, is committed"

# As it was before, without the large amount.
guest_wish "$clean" x
virsh vol-clone vm/big@2 vm/big@current --pool qubes
for name in $(volumes qubes | grep '^vm/big@'); do
    virsh vol-delete "$name" qubes
done
eventually 20 has_free 230686720
info_follows
ok "and without it and its revisions the space is free again"

# --- without any

fill_by_guest
works_or_says "vm/big" virsh destroy vm || true
eventually 30 domain_is_off vm
workers_done
comes_back 2
if [ -e "$dirty" ]; then
    echo "# the dirty image was kept"
    tail -n 5 "$LAB/libvirtd.log" >"$LAB/log"
else
    echo "# it was committed on the full disk"
fi
no_temporary
info_follows
ok "ended on the full disk, it is committed or kept whole"

started=no
works_or_says "'vm/big'" virsh start vm --paused && started=yes
echo "# a start on the full disk: $started"
if [ $started = yes ]; then
    [ -e "$dirty" ]
    virsh destroy vm || true
    eventually 30 domain_is_off vm
fi
workers_done
comes_back 2
no_temporary
ok "a start on the full disk works, or is refused as a whole"

drop_ballast
guest_wish "$([ -e "$dirty" ] && echo "$dirty" || echo "$clean")" x
virsh start vm
guest_wait vm
workers_done
[ ! -e "$dirty" ]
[ "$(counter "$clean")" = 3 ]
for name in $(volumes qubes | grep '^vm/big@'); do
    virsh vol-delete "$name" qubes
done
no_temporary
info_follows
ok "with space it starts, stops and is committed as ever"

# --- no space for the commit itself, which none of these file systems can be brought to by filling it

rm -f /etc/libvirt/hooks/qemu.d/50-reflink
cat >"$LAB/hook" <<END
#!/bin/bash
# While there is \$LAB/full, the first new name that the end of a domain and its worker make does not fit.
[ "\$2" != release ] || [ ! -e "$LAB/full" ] ||
    exec strace -f -qq -o /dev/null -e trace=linkat -e inject=linkat:error=ENOSPC:when=1 \\
        "$STAGE_DIR/sbin/libvirt-reflink-hook" "\$@"
exec "$STAGE_DIR/sbin/libvirt-reflink-hook" "\$@"
END
chmod +x "$LAB/hook"
cp "$LAB/hook" /etc/libvirt/hooks/qemu.d/50-reflink
lab_restart_libvirtd
waits="[ended; its commit waits for space]"

reflink()
{
    "$STAGE_DIR/bin/virt-reflink" "$1" "$pool" ${2:+"$2"}
}

# run_without_space NUMBER: the guest runs, and there is no space to commit that it has counted.
run_without_space()
{
    touch "$LAB/full"
    guest_wish "$([ -e "$dirty" ] && echo "$dirty" || echo "$clean")" x
    virsh start vm
    guest_wait vm
    workers_done
    rm "$LAB/full"
    [ "$(counter "$dirty")" = "$1" ]
    expect "$waits" reflink list
    expect "$waits" reflink info vm/big
    expect_not running reflink list
}

run_without_space 4
[ "$(counter "$clean")" = 3 ]
virsh pool-refresh qubes
eventually 10 test ! -e "$dirty"
[ "$(counter "$clean")" = 4 ]
expect_not "$waits" reflink list
ok "a run that ended without space for its commit is told so, and committed by a refresh"

run_without_space 5
virsh vol-create-as qubes vm/other 1M
virsh vol-delete vm/other qubes
eventually 10 test ! -e "$dirty"
[ "$(counter "$clean")" = 5 ]
ok "and when something is deleted"

run_without_space 6
guest_wish "$dirty" x
virsh start vm # commits, and begins anew
guest_wait vm
workers_done
[ ! -e "$dirty" ] && [ "$(counter "$clean")" = 7 ]
virsh pool-refresh qubes
# shellcheck disable=SC2046
[ "$(counter $(virsh vol-path "$(volumes qubes | grep '^vm/big@' | sort -V | tail -n 1)" --pool qubes))" = 6 ]
ok "and by the domain's next start"

done_testing
