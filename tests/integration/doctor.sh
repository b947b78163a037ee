#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# One look tells that it works: the line at the daemon's start, and virt-reflink doctor.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states state-dir later -- setfattr setpriv python3

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


# --- virt-reflink doctor

# A tree of its own, to be spoiled; also for a user who may not read the one that was built.
cp -a "$STAGE_DIR" "$LAB/copy"
module=$(echo "$LAB"/copy/lib/libvirt-reflink/[0-9]*/reflink.so)
export BACKEND_DIR=$LAB/copy/lib/libvirt-reflink/storage-backend

doctor()
{
    "$LAB/copy/bin/virt-reflink" doctor "$@" 2>/dev/null
}

# healthy [TOPIC]: all is well, and there is a line about it.
healthy()
{
    local said
    said=$(doctor) || die "the doctor complains: $said"
    ! grep -v '^OK ' <<<"$said" || die "a line does not say OK"
    grep -q "^OK  *${1:-}" <<<"$said" || die "no line about $1: $said"
}

# finds_also TOPIC WORDS: it fails, with one such line; there may be others.
finds_also()
{
    ! doctor >"$LAB/said" || die "the doctor finds nothing, not $1: $2"
    grep "^WRONG *$1: " "$LAB/said" | has_words "$2" || die "it says '$(cat "$LAB/said")', not about $1 /$2/"
}

# finds TOPIC WORDS: it fails, with one such line, and with no other.
finds()
{
    local said
    ! said=$(doctor) || die "the doctor finds nothing, not $1: $2"
    said=$(grep -v '^OK ' <<<"$said")
    [[ $said == WRONG*" $1: "* && $(wc -l <<<"$said") = 1 ]] || die "it says '$said', and not about $1"
    has_words "$2" <<<"$said" || die "it says '$said', not /$2/"
}

lab_restart_libvirtd
reflink_pool qubes "$pool" "<reflink:revisions keep='3'/>"
virsh vol-create-as qubes vm/root 1M
sed "s|@DISK@|$pool/vm/root-dirty.img|" >"$LAB/vm.xml" <<-'END'
	<domain type='qemu'>
	  <name>vm</name><uuid>00000000-0000-4000-8000-000000000001</uuid><memory unit='MiB'>16</memory>
	  <description>Its disk is @DISK@</description>
	  <os><type>hvm</type></os>
	  <devices><disk type='file'><source file='@DISK@'/><target dev='hda'/></disk></devices>
	</domain>
	END
virsh define "$LAB/vm.xml"
before=$(listing "$pool")
healthy "pool qubes: active, '$pool' on $FS of .*, reflinks work, "
healthy "libvirtd: process $LIBVIRTD_PID has loaded '$module'"
same_listing "$pool" "$before"
[ "$(doctor)" = "$(doctor)" ] || die "its output is not stable"
doctor --json >"$LAB/said" || die "in JSON the doctor complains: $(cat "$LAB/said")"
expect_exactly "$(doctor | wc -l) ok 0" python3 -c "import json
top = json.load(open('$LAB/said'))
print(len(top['topics']), *{one['result'] for one in top['topics']}, top['wrong'] + top['unknown'])"
ok "where all is well, each line says so, and nothing is changed"

cp "$module" "$LAB/module"
rm "$module"
finds_also module "no module for libvirt & $module"
cp "$LAB/module" "$module"
finds libvirtd "replaced & systemctl restart libvirtd"
rm "$module"
lab_restart_libvirtd
cp "$LAB/module" "$module"
finds libvirtd "has not loaded the module & journalctl -u libvirtd"
lab_restart_libvirtd
mapfile -t ids < <(grep -aoE '[0-9a-f]{40}' "$module")
for id in "${ids[@]}"; do
    sed "s/$id/${id//?/0}/" "$LAB/module" >"$LAB/other"
    mount --bind "$LAB/other" "$module"
    finds_also module "was built for another build of & restart"
    umount "$module"
done
healthy "module: '$module' is for libvirt [0-9.]*"
ok "a module that is missing, another libvirt's, replaced or not loaded"

own_state_dir
there=$state_dir/$(basename "$(dirname "$module")")
mkdir "$there"
mv "$module" "$there"
lab_restart_libvirtd
healthy "module: '$there/reflink.so' is for libvirt"
sed "s/${ids[0]}/${ids[0]//?/0}/" "$LAB/module" >"$module"
healthy "module: '$there/reflink.so' is for libvirt"
rm "$module"
chmod g+w "$there"
finds module "not loaded & others than root & '$there' & chmod go-w $there"
chmod g-w "$there"
mount --bind "$there" "$there"
mount -o remount,bind,noexec "$there"
finds_also module "noexec & $there"
umount "$there"
# As far as can be seen. Another kernel has rules of its own about labels.
if [ ! -e /sys/fs/selinux/enforce ]; then
    library=$(ldconfig -p | sed -n 's/.*libvirt.so.0 .*=> //p')
    cp -L "$library" "$LAB/library"
    mount --bind "$LAB/library" "$(realpath "$library")"
    mount -t tmpfs selinux /sys/fs
    mkdir /sys/fs/selinux
    echo 1 >/sys/fs/selinux/enforce
    setfattr -n security.selinux -v system_u:object_r:lib_t:s0 "$LAB/library"
    setfattr -n security.selinux -v system_u:object_r:var_lib_t:s0 "$there/reflink.so"
    finds_also module "var_lib_t & SELinux & chcon --reference=[^ ]* $there/reflink.so"
    setfattr -n security.selinux -v unconfined_u:object_r:lib_t:s0 "$there/reflink.so"
    healthy "module: '$there/reflink.so' is for libvirt"
    umount /sys/fs "$(realpath "$library")"
fi
mv "$there/reflink.so" "$module"
lab_restart_libvirtd
ok "a module below /var, which others can change, or the daemon cannot load"

BACKEND_DIR=stock lab_restart_libvirtd
finds libvirtd "without the drop-in & install the drop-in & daemon-reload"
# As systemd answers.
mkdir -p /run/systemd/system "$LAB/bin"
printf '#!/bin/sh\ncat "%s"\n' "$LAB/unit" >"$LAB/bin/systemctl"
chmod 755 "$LAB/bin/systemctl"
PATH=$LAB/bin:$PATH
printf '%s\n' LoadState=loaded "Environment=LIBVIRT_STORAGE_BACKEND_DIR=$BACKEND_DIR" >"$LAB/unit"
finds libvirtd "without the drop-in & type 'systemctl restart libvirtd'"
lab_restart_libvirtd
healthy libvirtd
printf '%s\n' LoadState=loaded Environment= >"$LAB/unit"
finds libvirtd "lacks the drop-in & next start"
lab_stop_libvirtd
finds_also libvirtd "does not run & lacks the drop-in"
finds_also virtstoraged "does not run & lacks the drop-in"
printf '%s\n' LoadState=loaded "Environment=LIBVIRT_STORAGE_BACKEND_DIR=$BACKEND_DIR" >"$LAB/unit"
healthy "libvirtd: it does not run; its service has the drop-in"
rm -r /run/systemd/system
! doctor >"$LAB/said" || die "what cannot be told is healthy"
grep -q '^UNKNOWN daemon: ' "$LAB/said" || die "$(cat "$LAB/said")"
lab_start_libvirtd
install "$(command -v sleep)" "$LAB/virtstoraged"
"$LAB/virtstoraged" 1000 &
second=$!
eventually 10 grep -q virtstoraged "/proc/$second/comm"
finds_also daemon "both libvirtd and virtstoraged & systemctl disable"
kill $second
wait $second || true
healthy libvirtd
ok "a drop-in that was forgotten, for a daemon that runs and for one that does not"

mv "$link" "$LAB/hook"
finds "hook qemu" "not linked & ln -s [^ ]*libvirt-reflink-hook $link"
install -m 644 /bin/true "$link"
finds "hook qemu" "not executable & chmod 755 $link"
ln -sf /gone/libvirt-reflink-hook "$link"
finds "hook qemu" "leads to no program & ln -sf"
mv "$LAB/hook" "$link"
mv "$LAB/copy/libexec/libvirt-reflink/libvirt-reflink-event" "$LAB/event"
! doctor >"$LAB/said" || [ -e /usr/libexec/libvirt-reflink/libvirt-reflink-event ] || die "no hook program is healthy"
mv "$LAB/event" "$LAB/copy/libexec/libvirt-reflink/libvirt-reflink-event"
has_run_some_seconds()
{
    [ "$(ps -o etimes= -p "$LIBVIRTD_PID")" -gt 4 ]
}
eventually 20 has_run_some_seconds
touch -h "$link"
finds "hook qemu" "after & process $LIBVIRTD_PID & restart the daemon"
lab_restart_libvirtd
healthy "hook qemu"
ok "a hook that is removed, not executable, leads nowhere, or came after the daemon"

chmod 666 "$pool/.reflink-pool.xml"
finds "pool qubes" "untrusted marker & chmod 644"
chmod 644 "$pool/.reflink-pool.xml"
mark=$(getfattr --only-values --absolute-names -n trusted.libvirt-reflink.pool "$pool")
setfattr -x trusted.libvirt-reflink.pool "$pool"
finds "pool qubes" "copy or backup without the extended attributes"
setfattr -n trusted.libvirt-reflink.pool -v "$mark" "$pool"
if [ "$FS" = xfs ]; then
    fallocate -l $(($(free_bytes "$dir") - 20000000)) "$dir/full"
    finds "pool qubes" "are free & delete volumes or revisions"
    rm "$dir/full"
fi
healthy "pool qubes"
ok "a marker that others can write, attributes that are gone, a full file system"

cp /etc/libvirt/storage/qubes.xml "$LAB/qubes.xml"
sed -i '/<reflink:options>/,/<\/reflink:options>/d' /etc/libvirt/storage/qubes.xml
finds "pool qubes" "no <reflink:options> & pool-edit qubes & $pool/.reflink-pool.xml"
cp "$LAB/qubes.xml" /etc/libvirt/storage/qubes.xml
cp /run/libvirt/storage/qubes.xml "$LAB/qubes.xml"
sed -i '/<reflink:options>/,/<\/reflink:options>/d' /run/libvirt/storage/qubes.xml
finds "pool qubes" "active pool has no <reflink:options> & pool-destroy qubes"
cp "$LAB/qubes.xml" /run/libvirt/storage/qubes.xml
healthy "pool qubes"
ok "a definition that has lost its options"

# spoiled WORDS SED-COMMAND: so the definition of a domain is wrong.
spoiled()
{
    sed "$2" "$LAB/vm.xml" >/etc/libvirt/qemu/spoiled.xml
    finds "domain spoiled" "$1"
    rm /etc/libvirt/qemu/spoiled.xml
}
spoiled "$pool/vm/root.img & at rest & vol-path" "s|-dirty.img'/|.img'/|"
spoiled "<kernel> & does not start" "s|<os>|<os><kernel>$pool/vm/root.img</kernel>|"
spoiled "arg> & root-dirty.img & does not start" "s|</devices>|&<q:commandline xmlns:q='http://libvirt.org/\
schemas/domain/qemu/1.0'><q:arg value='file=$pool/vm/root-dirty.img,format=raw'/></q:commandline>|"
spoiled "<source> & '$pool' & does not start" "s|</devices>|<filesystem><source dir='$pool'/></filesystem></devices>|"
loop=$(losetup --find --show "$pool/vm/root.img")
spoiled "loop device '$loop' & $pool/vm/root.img" "s|type='file'><source file='[^']*'|type='block'><source dev='$loop'|"
losetup -d "$loop"
mkdir -p /etc/libvirt/lxc
sed "s|</devices>|<filesystem><source file='$pool/vm/root.img'/></filesystem></devices>|" "$LAB/vm.xml" >/etc/libvirt/lxc/box.xml
finds_also "domain box" "'hda' & for qemu and libxl only"
finds_also "domain box" "<source> & '$pool/vm/root.img' & nothing protects it"
rm /etc/libvirt/lxc/box.xml
sed "s|<os>|<os><kernel>$pool-other/x</kernel>|" "$LAB/vm.xml" >/etc/libvirt/qemu/other.xml
healthy domains
rm /etc/libvirt/qemu/other.xml
ok "a domain that names an image where nothing protects it"

# A kernel that has it, as far as can be seen. Another is the machine's.
if [ ! -e /sys/module/apparmor ] && [ -d /sys/kernel/security ] && [ -d /etc/apparmor.d ]; then
    healthy "AppArmor: the kernel does not use it"
    mount -t tmpfs apparmor /sys/module
    mount -t tmpfs apparmor /sys/kernel/security
    mount -t tmpfs apparmor /etc/apparmor.d
    mkdir -p /sys/module/apparmor/parameters /sys/kernel/security/apparmor /etc/apparmor.d/local
    echo Y >/sys/module/apparmor/parameters/enabled
    echo "virt-aa-helper (enforce)" >/sys/kernel/security/apparmor/profiles
    healthy "AppArmor: no profile confines"
    echo "libvirtd (enforce)" >>/sys/kernel/security/apparmor/profiles
    finds AppArmor "lacks the rules & apparmor_parser -r"
    cp "$SOURCE_DIR/packaging/apparmor/usr.sbin.libvirtd" /etc/apparmor.d/local
    healthy "AppArmor: .* has the rules"
    echo "include if exists <abstractions/libvirt-reflink>" >/etc/apparmor.d/local/usr.sbin.libvirtd
    finds AppArmor "lacks the rules"
    mkdir /etc/apparmor.d/abstractions
    cp "$SOURCE_DIR/packaging/apparmor/usr.sbin.libvirtd" /etc/apparmor.d/abstractions/libvirt-reflink
    healthy "AppArmor: .* has the rules"
    umount /sys/module /sys/kernel/security /etc/apparmor.d
    ok "AppArmor's rules that are missing"
fi

# A user's own daemon, as far as can be seen.
cp /etc/passwd "$LAB/users"
mount --bind "$LAB/users" /etc/passwd
cleanup_fn umount /etc/passwd
mkdir -p "$LAB/home/.config/libvirt/storage"
echo "walter:x:4711:4711::$LAB/home:/bin/sh" >>"$LAB/users"
install "$(command -v sleep)" "$LAB/libvirtd"
setpriv --reuid 4711 --clear-groups "$LAB/libvirtd" 1000 &
session=$!
eventually 10 grep -q libvirtd "/proc/$session/comm"
healthy "session: user walter runs libvirtd (qemu:///session).*virsh -c qemu:///system"
pool_document mine "$LAB/home/pool" "<reflink:revisions keep='1'/>" >"$LAB/home/.config/libvirt/storage/mine.xml"
finds session "walter & 'mine' & virsh -c qemu:///system"
plain_document mine "$pool" >"$LAB/home/.config/libvirt/storage/mine.xml"
finds session "walter & 'mine' & virsh -c qemu:///system"
# Its name has orders for a terminal.
mv "$LAB/home/.config/libvirt/storage/mine.xml" "$LAB/home/.config/libvirt/storage/$(printf 'a\n\033\302\233\2332Jb').xml"
finds session "walter & 'a    "$'\357\277\275'"2Jb'"
rm "$LAB/home/.config/libvirt/storage"/a*
plain_document mine "$LAB/home/pool" >"$LAB/home/.config/libvirt/storage/mine.xml"
healthy session
kill $session
ok "a session daemon, and a reflink pool that is defined there"

# says_to_user STATE TOPIC...: to somebody who is not root.
says_to_user()
{
    local state=$1 topic status=0
    shift

    setpriv --reuid 4711 --clear-groups "$LAB/copy/bin/virt-reflink" doctor >"$LAB/said" 2>/dev/null || status=$?
    [ $status = 1 ] || die "status $status"
    for topic in "$@"; do
        grep -q "^$state *$topic: " "$LAB/said" || die "$topic: $(cat "$LAB/said")"
    done
}

# The source may lie where others cannot look.
install_hook /etc/libvirt/hooks/qemu.d/50-reflink "$LAB/copy/sbin/libvirt-reflink-hook"
lab_restart_libvirtd
says_to_user "UNKNOWN" libvirtd workers pools domains
says_to_user "OK" module "hook qemu" "hook program"
for directory in "$LAB/copy/sbin" /etc/libvirt/hooks/qemu.d /etc/libvirt; do
    # With sanitizers it is no link.
    [ "$directory" != "$LAB/copy/sbin" ] || ! has_sanitizers || continue
    mode=$(stat -c %a "$directory")
    chmod 700 "$directory"
    says_to_user "UNKNOWN" "hook qemu"
    chmod "$mode" "$directory"
done
install_hook /etc/libvirt/hooks/qemu.d/50-reflink
ok "without root it says what it cannot look at"

# --- a file system that is not mounted

virsh pool-autostart qubes
virsh pool-destroy qubes
lab_stop_libvirtd
umount "$dir"
# As when the host boots.
rm -f /run/libvirt/storage/*
: >"$LAB/libvirtd.log"
lab_start_libvirtd
grep ' error : ' "$LAB/libvirtd.log" | grep "'$pool'" | has_words "not mounted" ||
    die "the log does not say why the pool is not started: $(grep qubes "$LAB/libvirtd.log")"
expect "inactive" virsh pool-list --all
fails_with "'$pool' & not mounted" virsh pool-start qubes
finds "pool qubes" "not mounted & mount its file system"
mkdir "$pool"
fails_with "'$pool' & not mounted" virsh pool-start qubes
lab_restart_libvirtd
expect "inactive" virsh pool-list --all
finds "pool qubes" "not mounted & mount its file system"
if [ -e /etc/fstab ]; then
    echo "/dev/none $dir $FS defaults 0 0" >"$LAB/fstab"
    mount --bind "$LAB/fstab" /etc/fstab
    finds "pool qubes" "'$dir' is not mounted & fstab & 'mount $dir' & pool-start qubes"
    umount /etc/fstab
fi
expect_exactly "" find "$pool" -mindepth 1
rmdir "$pool"
mount_filesystem "$LAB/fs.img" "$dir"
healthy "pool qubes: inactive"
virsh pool-start qubes
healthy "pool qubes: active"
ok "no pool is started on the directory below, and message and doctor say what is the matter"

done_testing
