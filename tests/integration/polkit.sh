#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# libvirt's access control (its driver "polkit"): a user who may do something to some volumes of some
# pools, by name. A real polkitd decides, on a system bus of the laboratory's own; each row is asked of a
# reflink pool and of a plain one, and has to come out alike.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states nowhere later -- dbus-daemon setpriv pkcheck
[ -x /usr/lib/polkit-1/polkitd ] || skip "needs polkitd"
chmod 711 "$LAB"
dir=$(lab_filesystem "$FS" 1G)

# --- the bus, polkitd and its rules

# Of libvirt's actions those that are used here: an unknown one is refused to root, too.
actions="connect.getattr connect.search-storage-pools connect.search-domains connect.read connect.write
    storage-pool.getattr storage-pool.read storage-pool.write storage-pool.save storage-pool.delete
    storage-pool.start storage-pool.stop storage-pool.refresh storage-pool.format
    storage-pool.search-storage-vols
    storage-vol.getattr storage-vol.read storage-vol.create storage-vol.delete storage-vol.resize
    storage-vol.format storage-vol.data-read storage-vol.data-write"

policy()
{
    local action
    echo "<policyconfig>"
    for action in $actions; do
        echo "<action id='org.libvirt.api.$action'><description>x</description><message>x</message>"
        echo "<defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive>"
        echo "<allow_active>no</allow_active></defaults></action>"
    done
    echo "</policyconfig>"
}

rules()
{
    cat <<'RULES'
polkit.addRule(function(action, subject) {
    var what = action.id.replace(/^org\.libvirt\.api\./, "");
    var volume = action.lookup("vol_name") || "";
    if (subject.user != "nobody" || what == action.id)
        return undefined;
    if (what.match(/^connect\.|getattr$|\.read$|search-storage-vols$/))
        return polkit.Result.YES;
    if (what.match(/^storage-vol\.(create|delete|resize|data-read|data-write)$/) &&
        volume.match(/^mine/) && action.lookup("connect_driver") == "QEMU")
        return polkit.Result.YES;
    if (what == "storage-vol.create" && volume.match(/^(new|(other|gone|written)@)/))
        return polkit.Result.YES;
    if (what == "storage-vol.data-write" && volume == "written")
        return polkit.Result.YES;
    return polkit.Result.NO;
});
RULES
}

start_polkit()
{
    local directory
    prepare_libvirt
    for directory in /usr/share/polkit-1/actions /etc/polkit-1 /usr/share/polkit-1/rules.d; do
        mkdir -p "$directory"
        mount -t tmpfs libvirt-reflink "$directory"
    done
    mkdir -p /etc/polkit-1/rules.d /run/dbus
    policy >/usr/share/polkit-1/actions/org.libvirt.api.policy
    rules >/etc/polkit-1/rules.d/50-test.rules
    chmod 755 /etc/polkit-1 /etc/polkit-1/rules.d
    dbus-daemon --system --fork --nopidfile
    /usr/lib/polkit-1/polkitd >"$LAB/polkitd.log" 2>&1 &
    eventually 30 pkcheck --action-id org.libvirt.api.connect.getattr --process $$
}

start_polkit
sed -i -e '$a access_drivers = [ "polkit" ]\nunix_sock_rw_perms = "0777"' /etc/libvirt/libvirtd.conf
lab_start_libvirtd

# --- what it decides

as_nobody()
{
    HOME=/nonexistent setpriv --reuid=nobody --regid=nogroup --clear-groups virsh -q -c qemu:///system "$@"
}

reflink_pool qubes "$dir/qubes"
stock_pool plain "$dir/plain"
random_file "$LAB/data" 64K
chmod 644 "$LAB/data"
for pool in qubes plain; do
    virsh vol-create-as $pool mine 64K
    virsh vol-create-as $pool other 64K
done

denied()
{
    fails_with "access denied" as_nobody "$@"
}

for pool in qubes plain; do
    expect mine as_nobody vol-list $pool
    expect Capacity as_nobody vol-info other $pool
    as_nobody vol-create-as $pool mine2 64K
    as_nobody vol-clone mine mine3 --pool $pool
    as_nobody vol-upload mine "$LAB/data" --pool $pool
    as_nobody vol-download mine /dev/null --pool $pool
    as_nobody vol-resize mine 128K --pool $pool
    as_nobody vol-delete mine2 $pool
    denied vol-create-as $pool theirs 64K
    denied vol-clone mine theirs --pool $pool
    denied vol-upload other "$LAB/data" --pool $pool
    denied vol-download other /dev/null --pool $pool
    denied vol-resize other 128K --pool $pool
    denied vol-delete other $pool
    denied pool-refresh $pool
    denied pool-destroy $pool
    ok "a user of volumes by name may do to a pool '$pool' what the rules say"
done

as_nobody vol-clone mine mine@named --pool qubes
as_nobody vol-clone mine@named mine@current --pool qubes
as_nobody vol-delete mine@named qubes
denied vol-clone other other@named --pool qubes
denied vol-clone mine other@current --pool qubes
denied vol-delete other qubes --delete-snapshots
cmp "$LAB/data" <(head -c 64K "$dir/qubes/volumes/mine.img")
nothing_left
ok "so for named revisions and reverts, by the volume's name with what is behind it"

# --- the right to create is no right to read or to write what is there

# keeps COMMAND...: refused by us, not by libvirt, and nothing in either pool has changed.
keeps()
{
    fails_with "access denied & '$1' & '$2' & $3" as_nobody "${@:4}"
    same_listing "$dir/qubes" "$qubes"
    same_listing "$dir/plain" "$plain"
}

virsh vol-upload other "$LAB/data" --pool qubes # a revision to take
virsh vol-create-as qubes template 64K
qubes=$(listing "$dir/qubes") plain=$(listing "$dir/plain")
keeps other qubes replaced vol-clone mine other@current --pool qubes
keeps other qubes replaced vol-clone other@1 other@current --pool qubes
ok "who may only create cannot replace a volume's content by creating NAME@current"

virsh vol-create-as qubes written 64K
as_nobody vol-create-as qubes mine5 64K
as_nobody vol-create-as qubes mine6 128K
qubes=$(listing "$dir/qubes")
keeps written qubes resize vol-clone mine6 written@current --pool qubes
keeps written qubes "another kind & delete" vol-clone mine5 written@current@kind=direct --pool qubes
as_nobody vol-clone mine5 written@current@kind=persistent --pool qubes
as_nobody vol-clone mine5 written@current --pool qubes
as_nobody vol-clone mine5 mine6@current@kind=direct --pool qubes
for volume in written mine5 mine6; do
    virsh vol-delete $volume qubes --delete-snapshots
done
qubes=$(listing "$dir/qubes")
ok "nor change its size or kind so who may write to it"

denied vol-create-as qubes gone 64K
for name in gone@kind=direct gone@kind=persistent; do
    keeps gone qubes create vol-create-as qubes "$name" 64K
done
ok "nor make the volume NAME who may create its revisions, NAME@..., by the name NAME@kind=KIND"

snapshot_of()
{
    volume_document "$1" 0 "<backingStore><path>$dir/qubes/volumes/$2</path></backingStore>" >"$LAB/$1.xml"
    chmod 644 "$LAB/$1.xml"
}
copy_of()
{
    volume_document "$1" 65536 >"$LAB/$1.xml"
    chmod 644 "$LAB/$1.xml"
}
snapshot_of new1 template-dirty.img
snapshot_of new2 mine-dirty.img
copy_of new3
copy_of new4
keeps other qubes read vol-clone other other@named --pool qubes
keeps other qubes read vol-clone other new --pool qubes
keeps other@1 qubes read vol-clone other@1 new --pool qubes
keeps other@1 qubes read vol-clone other@1 mine@current --pool qubes
keeps other plain read vol-create-from qubes "$LAB/new3.xml" other --inputpool plain
keeps other qubes read vol-create-from plain "$LAB/new3.xml" other --inputpool qubes
keeps template qubes read vol-create qubes "$LAB/new1.xml"
expect_exactly "mine mine3 mine@1 mine@2 other other@1 template" eval "volumes qubes | xargs"
ok "nor read one by cloning it, into whatever pool, or by taking a snapshot of it"

# A snapshot volume waits for its source, which was deleted.
virsh vol-create-as qubes new-source 64K
create_snapshot qubes kiosk "$dir/qubes/volumes/new-source-dirty.img"
tool delete --quiet --with-users qubes new-source
qubes=$(listing "$dir/qubes")
keeps kiosk qubes replaced vol-create-as qubes new-source 64K
keeps kiosk qubes replaced vol-clone mine new-source --pool qubes
virsh vol-delete kiosk qubes
as_nobody vol-create-as qubes new-source 64K
virsh vol-delete new-source qubes
ok "nor supply what others' snapshot volumes begin with"

as_nobody vol-create-as qubes new 64K
as_nobody vol-clone mine new5 --pool qubes
as_nobody vol-create qubes "$LAB/new2.xml"
as_nobody vol-create-from qubes "$LAB/new3.xml" mine --inputpool plain
as_nobody vol-create-from plain "$LAB/new4.xml" mine --inputpool qubes
cmp "$LAB/data" <(head -c 64K "$dir/plain/new4")
nothing_left
ok "but create empty volumes, as a migration does, and copies of what may be read"

done_testing
