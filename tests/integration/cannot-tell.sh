#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Whether a directory is a reflink pool may be impossible to tell for a moment, or its marker not to be
# trusted: then nothing is done, and never by libvirt's own functions, which would write to images in
# place and remove those of running domains.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states later -- prlimit
hook=/etc/libvirt/hooks/libxl.d/50-reflink
lab_start_libvirtd

# The XML of this pool has no options, as most clients write it.
reflink_pool qubes "$pool"
virsh pool-destroy qubes
virsh pool-undefine qubes
virsh pool-define-as qubes dir --target "$pool"
virsh pool-start qubes
virsh vol-create-as qubes web 1M
random_file "$LAB/data" 1M
virsh vol-upload web "$LAB/data" --pool qubes
start_volume web
echo "what the guest wrote" >&6
cp "$(image web -dirty.img)" "$LAB/dirty"

# One connection, made before: a new one needs descriptors, too.
mkfifo "$LAB/commands"
command virsh -q -c qemu:///system <"$LAB/commands" >"$LAB/said" 2>&1 &
shell=$!
exec 8>"$LAB/commands"

# says REGEX: the connection has answered so.
says()
{
    eventually 20 grep -q -E -e "$1" "$LAB/said" || die "not /$1/, but: $(cat "$LAB/said")"
}

# without_descriptors COMMAND: given to a daemon that has none left.
without_descriptors()
{
    local free=0 limit

    : >"$LAB/said"
    limit=$(prlimit --pid "$LIBVIRTD_PID" --nofile --noheadings -o SOFT)
    while [ -e "/proc/$LIBVIRTD_PID/fd/$free" ]; do free=$((free + 1)); done
    prlimit --pid "$LIBVIRTD_PID" --nofile=$free:
    echo "$1" >&8
    says "error|success|deleted|wiped|changed"
    prlimit --pid "$LIBVIRTD_PID" --nofile="$(tr -d ' ' <<<"$limit"):"
}

unchanged()
{
    cmp "$(image web -dirty.img)" "$LAB/dirty" || die "the dirty image has changed"
    expect web volumes qubes
}

echo "vol-info web qubes" >&8
says Capacity
for command in "vol-delete web qubes" "vol-wipe web qubes" "vol-resize web 2M --pool qubes"; do
    without_descriptors "$command"
    says "error: .*(Too many open files|.*wiped)"
    unchanged
done
exec 8>&-
wait $shell || true
ok "a daemon without descriptors leaves a running volume alone, and says why"

# The reason, and how to mend it.
reason="untrusted marker & chmod"

# refused_everywhere: by all front doors, with the reason.
refused_everywhere()
{
    refused "wiped" "$pool" virsh vol-wipe web qubes
    refused "$reason" "$pool" virsh vol-delete web qubes
    refused "$reason" "$pool" virsh vol-upload web "$LAB/data" --pool qubes
    refused "$reason" "$pool" virsh vol-resize web 2M --pool qubes
    refused "$reason" "$pool" virsh vol-create-as qubes other 1M
    refused "$reason" "$pool" virsh vol-clone web other --pool qubes
    refused "$reason" "$pool" "$STAGE_DIR/bin/virt-reflink" stop "$pool" web
    refused "$reason" "$pool" "$STAGE_DIR/bin/virt-reflink" list qubes
    refused "$reason" "$pool" "$hook" d1 release end - <"$LAB/d1.xml"
    refused "$reason" "$pool" "$hook" d1 prepare begin - <"$LAB/d1.xml"
    "$hook" d1 release end - <"$LAB/d1.xml" # of the start that was refused: it has nothing to end
    cmp "$(image web -dirty.img)" "$LAB/dirty" || die "the dirty image has changed"
}

# domain PATH: the XML of a domain with that disk.
domain()
{
    echo "<domain type='qemu'><name>d1</name><uuid>11111111-1111-1111-1111-111111111111</uuid>
        <devices><disk type='file' device='disk'><source file='$1'/><target dev='xvda'/></disk></devices>
        </domain>"
}

stock_pool stock "$dir/stock"
volume_document copy.img 1048576 >"$LAB/copy.xml"
domain "$(image web -dirty.img)" >"$LAB/d1.xml"
chmod -R g+w "$pool"
refused_everywhere
chmod -R g-w "$pool"
chown 1234 "$pool/.reflink-pool.xml"
refused_everywhere
virsh pool-destroy qubes
fails_with "$reason" virsh pool-start qubes
fails_with "$reason" virsh pool-delete qubes
fails_with "$reason" virsh pool-build qubes
chown 0 "$pool/.reflink-pool.xml"
stop_volume web
chown 1234 "$pool/.reflink-pool.xml"
virsh pool-autostart qubes
lab_restart_libvirtd
expect inactive virsh pool-info qubes
chown 0 "$pool/.reflink-pool.xml"
virsh pool-start qubes
expect web@2 volumes qubes
ok "a marker that others may write to is told by everybody, and nothing is done"

# sees: whoever only looks sees the volumes, reads what they hold, and is told where they are.
sees()
{
    expect_exactly "web web@2" eval "volumes qubes | xargs"
    expect "1.00 MiB" virsh vol-info web qubes
    expect_exactly "$(image web -dirty.img)" virsh vol-path web qubes
    virsh vol-download web "$LAB/downloaded" --pool qubes
    cmp "$LAB/downloaded" "$(image web)"
}

# --- faults of a pool that is active: it stays that, and is not changed

marker=$pool/.reflink-pool.xml
cp -a "$marker" "$LAB/marker"

# fault REGEX: with what is wrong now the pool lives through a refresh and a restart of the daemon.
fault()
{
    virsh pool-refresh qubes
    sees
    lab_restart_libvirtd
    expect running virsh pool-info qubes
    sees
    refused "$1" "$pool" virsh vol-create-as qubes other 1M
    refused "$1" "$pool" virsh vol-delete web qubes
    refused "$1" "$pool" virsh vol-resize web 2M --pool qubes
    refused "$1" "$pool" virsh vol-clone web web@current --pool qubes
    refused "$1" "$pool" virsh vol-upload web "$LAB/marker" --pool qubes
}

mv "$marker" "$LAB/away"
virsh pool-refresh qubes
sees
refused "not built" "$pool" virsh vol-delete web qubes
mv "$LAB/away" "$marker"
virsh pool-destroy qubes
virsh pool-undefine qubes
define_pool qubes "$pool"
virsh pool-start qubes
cp /run/libvirt/storage/qubes.xml "$LAB/state"
chmod g+w "$marker"
fault "$reason"
rm "$marker"
mkdir "$marker"
fault "trusted"
rmdir "$marker"
fault "not built"
echo "<nonsense" >"$marker"
fault "'virsh pool-build' writes the marker again"
cp -a "$LAB/marker" "$marker"
virsh vol-create-as qubes other 1M
virsh vol-delete other qubes
ok "whatever is wrong with the marker: an active pool stays active, and is only looked at"

# libvirt's own note, written by a version of ours that knows more than this one.
sed -i 's|</reflink:options>|<reflink:later/></reflink:options>|' /run/libvirt/storage/qubes.xml
grep -q reflink:later /run/libvirt/storage/qubes.xml
cp -a /etc/libvirt/storage/qubes.xml "$LAB/config"
sed -i 's|</reflink:options>|<reflink:later/></reflink:options>|' /etc/libvirt/storage/qubes.xml
lab_restart_libvirtd
expect running virsh pool-info qubes
sees
virsh vol-create-as qubes other 1M
virsh vol-delete other qubes
cp -a "$LAB/config" /etc/libvirt/storage/qubes.xml
cp "$LAB/state" /run/libvirt/storage/qubes.xml
lab_restart_libvirtd
ok "so it does where libvirt's note of it has options that are not known here"

# What somebody may do with it: nothing to those who have nothing to do with him.
mkdir "$dir/shared" "$dir/shared/plain" "$dir/shared/vms"
chmod 1777 "$dir/shared"
echo "<pool/>" >"$dir/shared/.reflink-pool.xml"
chown 1234 "$dir/shared/.reflink-pool.xml"
stock_pool plain "$dir/shared/plain"
virsh vol-create-as plain one.img 1M
virsh vol-wipe one.img plain
domain "$dir/shared/plain/one.img" >"$LAB/d2.xml"
"$hook" d1 prepare begin - <"$LAB/d2.xml"
"$hook" d1 release end - <"$LAB/d2.xml"
virsh pool-destroy plain
virsh pool-start plain
ok "somebody's marker in a directory for everybody stops nobody"

mkdir "$dir/home"
echo "<pool/>" >"$dir/home/.reflink-pool.xml"
chown -R 1234 "$dir/home"
virsh vol-create-as qubes two 1M
{
    echo "<domain type='xen'><name>d3</name><uuid>33333333-1111-1111-1111-111111111111</uuid><devices>"
    echo "<disk type='file' device='disk'><source file='$(image two -dirty.img)'/><target dev='xvda'/></disk>"
    echo "<disk type='file' device='disk'><source file='$dir/home/a/cd.iso'/><target dev='xvdb'/><readonly/></disk>"
    echo "</devices></domain>"
} >"$LAB/d3.xml"
# How a domain ended is asked of who calls.
cp "$(command -v bash)" "$LAB/libvirtd"
as_libvirt()
{
    "$LAB/libvirtd" -c '"$@"; exit $?' "$LAB/libvirtd" "$@"
}
as_libvirt "$hook" d3 prepare begin - <"$LAB/d3.xml"
echo written | dd of="$(image two -dirty.img)" conv=notrunc status=none
sed -i "s|/a/cd.iso|/x-dirty.img|" "$LAB/d3.xml"
fails_with "$reason" as_libvirt "$hook" d3 release end - <"$LAB/d3.xml"
[ ! -e "$(image two -dirty.img)" ] || die "a bad marker beside one disk keeps another from being committed"
[ "$(head -n 1 "$(image two)" | tr -d '\0')" = written ]
ok "one in a directory of his own costs only what lies there"

done_testing
