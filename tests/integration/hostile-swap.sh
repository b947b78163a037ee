#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Somebody who may write to the pool's directory puts links, fifos and devices in the place of its
# directories and images, and back, as fast as he can, while the volume is worked with. Each operation
# succeeds or is refused; none of them reads or writes anything outside, opens a device, or waits.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states guest hostile later -- strace perl mkfifo mknod getfattr timeout
watch_daemon
lab_start_libvirtd
sentinel_make "$dir/outside"

reflink_pool qubes "$pool"
stock_pool plain "$dir/plain"
random_file "$LAB/data" 64K
random_file "$LAB/upload" 64K
virsh vol-create-as qubes vm/disk 64K
virsh vol-upload vm/disk "$LAB/data" --pool qubes
create_snapshot qubes vm/snapshot "$pool/vm/disk.img"
eventually 10 test -e "$pool/vm/disk-precache.img"
eventually 10 has_drafts 0
volume_document copy 0 >"$LAB/copy.xml"

# swap NAME KIND: in the background, until swap_ends, that foreign thing is in the place of NAME every
# other moment, also while nothing has that name (a dirty image or a precache comes and goes). Operations
# rename over it, so it is made anew where it is lost. Counts how often.
cat >"$LAB/swap" <<'END'
use POSIX;
my ($machine, $name, $kind, $target) = @ARGV;
my $aside = $name =~ s{[^/]*$}{.aside}r;
my $exchange = {x86_64 => 316, aarch64 => 276}->{$machine} or die "no renameat2";
my ($count, $end) = (0, 0);
$SIG{TERM} = sub { $end = 1 };
sub is_foreign
{
    return -l $_[0] || -p _ || -c _;
}
sub swap
{
    return syscall($exchange, -100, $name, -100, $aside, 2) == 0; # RENAME_EXCHANGE
}
sub move
{
    return syscall($exchange, -100, $_[0], -100, $_[1], 1) == 0; # RENAME_NOREPLACE
}
until ($end) {
    if (!is_foreign($aside)) {
        unlink($aside);
        symlink($target, $aside) if $kind eq "link";
        mkfifo($aside, 0666) if $kind eq "fifo";
        system("mknod", $aside, "c", "60", "0") if $kind eq "device";
    }
    $count++ if swap() || move($aside, $name);
    next if !is_foreign($name);
    move($name, $aside) if !swap();
}
swap() if is_foreign($name);
unlink($aside);
print "$count\n";
END

swap()
{
    perl "$LAB/swap" "$(uname -m)" "$@" >"$LAB/swaps" &
    swapper=$!
}

swap_ends()
{
    kill -TERM "$swapper"
    wait "$swapper"
    swaps=$(cat "$LAB/swaps")
}

cat >"$LAB/commands" <<'END'
for word in start stop start discard list; do
    volume=vm/disk
    [ $word != list ] || volume=
    timeout -k 1 20 "$1" $word "$2" $volume 2>&1
    echo "status $?"
done
for event in "prepare begin" "release end"; do
    timeout -k 1 60 "$4/virtxend" -c '"$@"; exit $?' - "$3" vm $event - <"$4/vm.xml" 2>&1
    echo "status $?"
done
END
# The hook wants to be called by a daemon: a shell of that name plays it. No guest runs.
cp "$(command -v bash)" "$LAB/virtxend"
lab_domain vm "$pool/vm/disk-dirty.img $pool/vm/snapshot-dirty.img" |
    sed "s/type='qemu'/type='xen'/; s|<name>|<uuid>00000000-0000-4000-8000-000000000003</uuid>&|" >"$LAB/vm.xml"

commands()
{
    watched bash "$LAB/commands" "$STAGE_DIR/bin/virt-reflink" "$pool" \
        /etc/libvirt/hooks/libxl.d/50-reflink "$LAB" >"$LAB/said" || true
    ! grep -E -q '^status (124|137)' "$LAB/said" || die "$what: a command hangs"
    [ "$(grep -c '^status [01]$' "$LAB/said")" = 7 ] || die "$what: $(cat "$LAB/said")"
    refused=$((refused + $(grep -c '^status 1$' "$LAB/said" || true)))
    operations=$((operations + 7))
}

daemon()
{
    local status=0

    rm -f "$LAB/downloaded"
    timeout -k 1 60 virsh -c qemu:///system -q >"$LAB/said" 2>&1 <<-END || status=$?
	pool-refresh qubes
	vol-download vm/disk $LAB/downloaded --pool qubes
	vol-create-from plain $LAB/copy.xml vm/disk --inputpool qubes
	vol-clone vm/disk vm/disk@new --pool qubes
	vol-upload vm/disk $LAB/upload --pool qubes
	vol-clone vm/disk vm/clone --pool qubes
	vol-resize vm/disk 64K --pool qubes
	vol-create-as qubes vm/new 64K
	vol-delete vm/new qubes
	vol-delete vm/clone qubes
	vol-delete vm/disk@new qubes
	END
    [ $status -lt 124 ] || die "$what: the daemon hangs"
    refused=$((refused + $(grep -c '^error: Failed' "$LAB/said" || true)))
    operations=$((operations + 11))
    no_secret "$LAB/downloaded"
    no_secret "$dir/plain/copy"
    virsh vol-delete copy plain >/dev/null 2>&1 || rm -f "$dir/plain/copy"
}

# no_secret FILE: what came out, if anything did, does not come from outside.
no_secret()
{
    local file

    for file in secret directory/disk.img; do
        ! cmp -s "$1" "$SENTINEL/$file" || die "$what: $1 holds what lies outside"
    done
}

# storm WHAT NAME KIND TARGET ROUNDS
storm()
{
    local rounds

    what=$1 operations=0 refused=0
    swap "$2" "$3" "$4"
    for ((rounds = $5; rounds > 0; rounds--)); do
        commands
        daemon
    done
    swap_ends
    sentinel_unchanged
    echo "# $what: $swaps swaps, $operations operations, $refused refused"
    [ "$swaps" -gt 10 ]
    [ "$refused" -gt 0 ]
    [ "$refused" -lt $operations ]
    usable
    ok "$what"
}

# usable: when the foreign things are cleared away, the volume is one that works, with the content that it
# had or that was uploaded. (Between a look at an image and its renaming lies a moment, in which a link
# can get its new name; then the image itself was lost to whoever did it, as if he had removed it.)
usable()
{
    local last

    find "$pool/vm" ! -type f ! -type d -delete
    last=$(find "$pool/vm" -name 'disk.img.*' -printf '%f\n' | sort -t . -k 3 -n | tail -n 1)
    [ -e "$pool/vm/disk.img" ] || cp -a --reflink "$pool/vm/$last" "$pool/vm/disk.img"
    # A release that was refused is not the last one: another comes, here from us.
    "$LAB/virtxend" -c '"$@"; exit $?' - /etc/libvirt/hooks/libxl.d/50-reflink vm release end - \
        <"$LAB/vm.xml"
    "$STAGE_DIR/bin/virt-reflink" discard "$pool" vm/disk >/dev/null 2>&1 || true
    virsh pool-refresh qubes
    start_volume vm/disk
    stop_volume vm/disk
    cmp -s "$pool/vm/disk.img" "$LAB/data" || holds vm/disk "$LAB/upload"
    volumes qubes >"$LAB/volumes"
    while read -r name; do
        case $name in
        vm/new | vm/clone | vm/disk@new) virsh vol-delete "$name" qubes ;;
        esac
    done <"$LAB/volumes"
}

storm "a link to a directory outside in the place of a volume's directory" \
    "$pool/vm" link "$SENTINEL/directory" 4
storm "a link to a file outside in the place of a clean image" \
    "$pool/vm/disk.img" link "$SENTINEL/secret" 4
storm "a fifo in the place of a clean image" "$pool/vm/disk.img" fifo "" 3
storm "a device in the place of a clean image" "$pool/vm/disk.img" device "" 3
storm "a link to a file outside in the place of a dirty image" \
    "$pool/vm/disk-dirty.img" link "$SENTINEL/directory/disk-dirty.img" 3
storm "a link to a file outside in the place of a precache" \
    "$pool/vm/disk-precache.img" link "$SENTINEL/directory/disk-dirty.img" 3

watch_is_clean "$dir/plain"
ok "nothing was opened, made or removed elsewhere, and no device was opened"

done_testing
