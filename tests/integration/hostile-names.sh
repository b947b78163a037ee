#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Names that no file of ours has, beside a volume's files and like them: of 255 bytes, with newlines,
# control characters, and bytes that are no UTF-8. Whatever is done with the volume, they stay, are not
# listed, and do not reach anybody's terminal.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M -- perl

reflink_pool qubes "$pool" "<reflink:revisions keep='1'/>"
virsh vol-create-as qubes vm/disk 64K
create_snapshot qubes vm/snapshot "$pool/vm/disk.img"
cp "$pool/vm/snapshot.volume.xml" "$LAB/record"

strings=($'new\nline' $'\e[31mred\e[0m' $'bell\a' $'back\bspace' $'\x7f' $'\xff\xfe' $'\xc0\xaf..' $'\xed\xa0\x80'
    $'tab\t' $'carriage\rreturn' '../disk' '%s%n' ' ' "'" '"' '$(reboot)' ';' '<!--' '&' '\' '*' '-' '.' '..')

# long ENDING: a name of 255 bytes.
long()
{
    printf 'x%.0s' $(seq $((255 - ${#1})))
    printf '%s' "$1"
}

# put FILE: an empty file of that name in the volume's directory, if a file can have it.
made=0
put()
{
    case $1 in */*) return 0 ;; esac
    : >"$pool/vm/$1"
    made=$((made + 1))
}

for string in "${strings[@]}"; do
    put "disk.img$string"
    put "disk.img.1@$string"
    put "disk.img.$string@2018-01-02T03:04:05Z"
    put "disk.img~$string"
    put "disk.img~0123ab$string"
    put "disk-dirty.img$string"
    put "$string.volume.xml$string"
    put ".$string.img"
    put "disk-precache.img$string"
    put "@$string.img"
    case $string in
    *'/'* | . | ..) ;;
    *[[:cntrl:]]* | $'\xff'* | $'\xc0'* | $'\xed'*)
        put "$string.img"
        put "$string-dirty.img"
        put "$string.volume.xml"
        put "disk.img@$string"
        cp "$LAB/record" "$pool/vm/$string.volume.xml"
        mkdir -p "$pool/vm/dir$string"
        : >"$pool/vm/dir$string/disk.img"
        ;;
    esac
done
for ending in .img -dirty.img -precache.img .volume.xml .img@label .img.1@2018-01-02T03:04:05Z \
    .img~0123ab; do
    put "$(long "$ending")"
done
put "disk.img@$(printf '_%.0s' {1..246})"

# others: what lies there that is not the two volumes'.
others()
{
    find "$pool/vm" ! -name 'disk.img' ! -name 'snapshot.volume.xml' ! -type d -print0 |
        LC_ALL=C sort -z | tr '\0\n' '\n?'
}

others >"$LAB/before"
echo "# $made names"
[ $made -gt 250 ]

# clean_output FILE: nothing in it that a terminal would obey.
clean_output()
{
    ! LC_ALL=C tr -d '\n\t' <"$1" | LC_ALL=C grep -q -a -e '[[:cntrl:]]' ||
        die "control characters: $(cat -v "$1")"
}

virsh pool-refresh qubes
expect_exactly $'vm/disk\nvm/snapshot' volumes qubes
"$STAGE_DIR/bin/virt-reflink" list "$pool" >"$LAB/list"
clean_output "$LAB/list"
[ "$(wc -l <"$LAB/list")" -le 4 ] || die "$(cat "$LAB/list")"
"$STAGE_DIR/bin/virt-reflink" info "$pool" vm/disk >"$LAB/info"
clean_output "$LAB/info"
ok "they are not listed"

random_file "$LAB/data" 64K
for _ in 1 2 3; do
    virsh vol-upload vm/disk "$LAB/data" --pool qubes
    start_volume vm/disk
    head -c 100 "$LAB/data" >&6
    stop_volume vm/disk
    "$STAGE_DIR/bin/virt-reflink" start "$pool" vm/snapshot >/dev/null
    "$STAGE_DIR/bin/virt-reflink" stop "$pool" vm/snapshot >/dev/null
done
virsh vol-clone vm/disk vm/disk@label --pool qubes
virsh vol-clone vm/disk vm/clone --pool qubes
virsh vol-delete vm/clone qubes
virsh vol-delete vm/snapshot qubes
virsh vol-delete vm/disk qubes --delete-snapshots
virsh vol-create-as qubes vm/disk 64K
create_snapshot qubes vm/snapshot "$pool/vm/disk.img"
sleep 0.5
others >"$LAB/after"
cmp "$LAB/before" "$LAB/after" || die "other names: $(diff -a "$LAB/before" "$LAB/after" | cat -v)"
expect_exactly $'vm/disk\nvm/snapshot' volumes qubes
ok "commits, prunes, sweeps and deletions leave them alone"

virsh pool-destroy qubes
fails_with "volumes|not empty" virsh pool-delete qubes
virsh pool-start qubes
lab_restart_libvirtd
expect_exactly $'vm/disk\nvm/snapshot' volumes qubes
clean_output "$LAB/libvirtd.log"
ok "and the daemon's log has no control characters"

# names of volumes that come through the interface: volume-bad-input.sh
for string in "${strings[@]}"; do
    virsh vol-create-as qubes "vm/x$string" 64K >"$LAB/said" 2>&1 || true
    "$STAGE_DIR/bin/virt-reflink" info "$pool" "vm/y$string" >>"$LAB/said" 2>&1 || true
    case $string in *[[:cntrl:]]*) ;; *) continue ;; esac
    [ ! -e "$pool/vm/x$string.img" ]
done
grep -a rl_report "$LAB/libvirtd.log" >"$LAB/ours" # libvirt shows XML that it refuses as it is
clean_output "$LAB/ours"
ok "nor after names like that were asked for"

done_testing
