#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# pool-info is right after every operation: libvirt reckons as if volumes shared nothing.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states

reflink_pool qubes "$dir/qubes" "$fallback"

available()
{
    field Available virsh pool-info qubes --bytes
}

# As libvirt has it: with what the file system keeps for root.
free()
{
    echo $(($(stat -f -c '%f * %S' "$dir")))
}

# is_true: as of now, what the pool has left is what its file system has left, but for what a thread
# of the daemon's does later, a precache on ext4 say.
is_true()
{
    local difference

    difference=$(($(available) - $(free)))
    [ "${difference#-}" -lt 4194304 ]
}

# true_after COMMAND...: it is so at once; a moment later, with nothing but a look at the volume, too.
true_after()
{
    virsh "$@"
    is_true || die "after $*: $(available), but $(free)"
    [ "$(field Capacity virsh pool-info qubes --bytes)" = \
        $(($(available) + $(field Allocation virsh pool-info qubes --bytes))) ]
}

# settled VOLUME: it has its precache, which is a copy on ext4; and what nobody has any more is free,
# which is a thread of the kernel's work.
settled()
{
    eventually 10 test -e "$(image "$1" -precache.img)"
    eventually 10 looked_at "$1"
}

# A deletion, too, leaves work to threads: then pool-refresh would have no other number.
is_true_now()
{
    is_true || looked_at web
}

looked_at()
{
    virsh vol-info "$1" qubes && is_true
}

size=100M
random_file "$LAB/data" $size
true_after vol-create-as qubes web $size
virsh vol-upload web "$LAB/data" --pool qubes
settled web
ok "an upload is seen in pool-info"

for number in 1 2 3; do
    [ "$FS" = ext4 ] && [ $number = 3 ] && break
    virsh vol-clone web "copy$number" --pool qubes
    settled "copy$number"
done
[ "$FS" = ext4 ] || for number in {4..20}; do
    true_after vol-clone web "copy$number" --pool qubes
done
ok "clones take what they take, however many there are"

true_after vol-clone web web@named --pool qubes
virsh vol-clone web@named web@current --pool qubes
settled web
true_after vol-create-as qubes full 50M
true_after vol-resize full 60M --allocate --pool qubes
virsh vol-resize full 80M --pool qubes
settled full
ok "so do revisions, reverts and resizes"

for name in full web@named $(volumes qubes | grep copy); do
    virsh vol-delete "$name" qubes
    eventually 10 is_true_now
done
ok "and deletions give back what they give back"

done_testing
