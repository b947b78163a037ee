#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A pool whose path is a symbolic link, or leads through one: libvirt knows it by the path with the link,
# the hook by the real one. The daemon's list is true after a domain's end all the same; the directory is
# one pool, and a link that is changed makes no other of it.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M later
hook=/etc/libvirt/hooks/libxl.d/50-reflink
lab_start_libvirtd

# How a domain ended is asked of who calls.
cp "$(command -v bash)" "$LAB/libvirtd"
as_libvirt()
{
    "$LAB/libvirtd" -c '"$@"; exit $?' "$LAB/libvirtd" "$@"
}

lists()
{
    virsh vol-list "$1" | grep -q -F "$2"
}

# run POOL: a domain runs on its volume web and writes.
run()
{
    local path

    virsh vol-create-as "$1" web 1M
    path=$(virsh vol-path web "$1")
    cat >"$LAB/$1.xml" <<-END
	<domain type='xen'><name>$1</name><uuid>$(cat /proc/sys/kernel/random/uuid)</uuid><devices>
	<disk type='file' device='disk'><source file='$path'/><target dev='xvda'/></disk></devices></domain>
	END
    as_libvirt "$hook" "$1" prepare begin - <"$LAB/$1.xml"
    echo written | dd of="$path" conv=notrunc status=none
    as_libvirt "$hook" "$1" release end - <"$LAB/$1.xml"
    eventually 20 lists "$1" web@1
}

mkdir "$dir/real" "$dir/other"
ln -s "$dir/real" "$LAB/link"
reflink_pool direct "$dir/other/pool"
reflink_pool linked "$LAB/link/pool"
run direct
ok "libvirt knows of the revision that a domain's end made"
run linked
ok "also where a directory above the pool is a symbolic link"

# --- the pool's own path

mkdir "$dir/target" "$dir/elsewhere"
ln -s "$dir/target" "$LAB/own"
reflink_pool own "$LAB/own"
run own
expect_exactly "$LAB/own/volumes/web-dirty.img" virsh vol-path web own
[ -f "$dir/target/.reflink-pool.xml" ] && [ -L "$LAB/own" ] || die "the link's target is not the pool"
lab_restart_libvirtd
expect_exactly "web web@1" eval "volumes own | xargs"
virsh vol-clone web web@named --pool own
virsh vol-delete web@named own
ok "the directory that a pool's own path leads to is the pool, also after the daemon's restart"

# The same volume by its pool's name and by either path is one disk of a domain.
sed "s|type='file' device='disk'><source file='[^']*'|type='volume' device='disk'><source pool='own' volume='web'|
    s|</devices>|<disk type='file' device='disk'><source file='$dir/target/volumes/web-dirty.img'/><target dev='xvdb'/></disk>&|" \
    "$LAB/own.xml" >"$LAB/twice.xml"
as_libvirt "$hook" own prepare begin - <"$LAB/twice.xml"
[ "$(grep -c -w web /run/libvirt-reflink/started-*)" = 1 ] || die "one volume counts as two"
echo "once more" | dd of="$dir/target/volumes/web-dirty.img" conv=notrunc status=none
as_libvirt "$hook" own release end - <"$LAB/twice.xml"
eventually 20 lists own web@2
ok "a volume is one, by the pool's name and by either path"

second="active & 'own'"
define_pool second "$dir/target"
refused "$second" "$dir/target" virsh pool-start second
refused "$second" "$dir/target" virsh pool-build second
lab_restart_libvirtd
expect running virsh pool-info own
fails_with "$second|not active" virsh vol-create-as second other 1M
virsh vol-create-as own other 1M
virsh vol-delete other own
virsh pool-destroy own
virsh pool-destroy second 2>/dev/null || true
virsh pool-start second
fails_with "active & 'second'" virsh pool-start own
virsh pool-destroy second
virsh pool-start own
virsh pool-undefine second
ok "a second definition of the same directory cannot be active with it"

# The link leads to another pool, while this one is active.
reflink_pool away "$dir/elsewhere/pool"
virsh vol-create-as away web 1M
virsh pool-destroy away
ln -sfn "$dir/elsewhere/pool" "$LAB/own"
moved="no longer leads"
for command in "vol-delete web own" "vol-resize web 2M --pool own" "vol-create-as own other 1M" \
    "vol-clone web@2 web@current --pool own" "vol-upload web $LAB/own.xml --pool own"; do
    # shellcheck disable=SC2086 # words
    refused "$moved" "$dir" virsh $command
done
virsh pool-refresh own
expect_exactly web volumes own
fails_with "active & 'own'" virsh pool-start away
ln -sfn "$dir/target" "$LAB/own"
refused "$moved" "$dir" virsh vol-delete web own
virsh pool-refresh own
lists own web@2
ln -sfn "$dir/other" "$LAB/own"
refused "not built|$moved" "$dir" virsh vol-delete web own
ln -sfn "$dir/target" "$LAB/own"
ok "a link that is changed leads no operation elsewhere; a refresh looks where it leads"

virsh vol-delete web own
virsh pool-destroy own
virsh pool-delete own
[ ! -e "$dir/target" ] && [ -L "$LAB/own" ] || die "the pool is deleted, and the link stays"
ok "a pool that is deleted leaves the link"

done_testing
