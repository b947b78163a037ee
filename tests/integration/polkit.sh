#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# libvirt's access control (its driver "polkit"): a user who may do something to some volumes of some
# pools, by name. A real polkitd decides, on a system bus of the laboratory's own; each row is asked of a
# reflink pool and of a plain one, and has to come out alike.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/lib/states.sh"
requires_command dbus-daemon setpriv pkcheck
[ -x /usr/lib/polkit-1/polkitd ] || skip "needs polkitd"
requires_filesystem "$FS"
lab_enter "$0" "$@"
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
        volume.match(/^mine/))
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

done_testing
