#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# SIGKILL of libvirtd in the middle of a replacement (NAME@current). The clean image has the name of its
# next revision already, and is the clean image still; libvirt lists that revision when it comes back.
# Whatever comes next goes on from there.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M "other=$FS" later
lab_start_libvirtd "LD_PRELOAD=$BUILD_DIR/tests/slow-copy.so" "SLOW_COPY=$LAB/slow"

reflink_pool qubes "$dir/qubes" "<reflink:revisions keep='50'/>"
reflink_pool far "$other/far"
for name in old state third; do
    random_file "$LAB/$name" 1M
done
virsh vol-create-as far source 1M
virsh vol-upload source "$LAB/third" --pool far
virsh vol-create-as qubes web 1M
virsh vol-upload web "$LAB/old" --pool qubes
virsh vol-upload web "$LAB/state" --pool qubes
virsh vol-clone web@2 web@kept --pool qubes # the content "old"
volume_document web@current 1 >"$LAB/volume.xml"

linked_twice()
{
    [ "$(stat -c %h "$(image web)")" = 2 ]
}

# cut_off: an import to web@current, from another file system and so a copy, of which libvirtd is killed
# in the middle. $cut is the revision that it had begun.
cut_off()
{
    local client revision

    touch "$LAB/slow"
    virsh vol-create-from qubes "$LAB/volume.xml" source --inputpool far >/dev/null 2>&1 &
    client=$!
    eventually 20 linked_twice
    lab_kill_libvirtd
    rm "$LAB/slow"
    ! wait "$client" || die "the import was not cut off"
    lab_start_libvirtd "${libvirtd_environment[@]}"
    linked_twice || die "the revision is gone"
    revision=$(find "$pool" -samefile "$(image web)" -name 'web.img.*' -printf '%f\n')
    revision=${revision#web.img.}
    cut=web@${revision%%@*}
    expect "$cut" volumes qubes
    daemon=$LIBVIRTD_PID
    holds web "$1"
}

# whole FILE: the volume holds that, and all that libvirt lists is on disk, once; nobody died.
whole()
{
    holds web "$1"
    holds web@kept "$LAB/old"
    nothing_left web
    virsh vol-info web qubes >/dev/null
    listed=$(volumes qubes)
    virsh pool-refresh qubes
    [ "$listed" = "$(volumes qubes)" ] || die "libvirt lists '$listed', and there is '$(volumes qubes)'"
    [ "$(sort <<<"$listed" | uniq -d)" = "" ] || die "something is listed twice: $listed"
    [ "$(find "$pool" -name 'web.img*' -printf '%i\n' | sort | uniq -d)" = "" ] ||
        die "two names for one image"
    [ "$LIBVIRTD_PID" = "$daemon" ] && kill -0 "$daemon" || die "libvirtd ended"
}

# reverts FROM: prints the revision that holds what was replaced.
reverts()
{
    command virsh -c qemu:///system vol-clone "$1" web@current --pool qubes |
        sed -n 's/^Vol \(web@[0-9]*\) cloned.*/\1/p'
}

cut_off "$LAB/state"
undo=$(reverts web@kept)
whole "$LAB/old"
holds "$undo" "$LAB/state"
ok "a revert"

cut_off "$LAB/old"
fails_with "'$cut'" virsh vol-clone "$cut" web@current --pool qubes
whole "$LAB/old"
ok "a revert to the very revision that was begun: it is not one any more, and nothing else has changed"

cut_off "$LAB/old"
virsh vol-create-from qubes "$LAB/volume.xml" source --inputpool far
whole "$LAB/third"
ok "the same import"

cut_off "$LAB/third"
cut_off "$LAB/third"
undo=$(reverts web@kept)
whole "$LAB/old"
holds "$undo" "$LAB/third"
ok "two that were cut off, and a revert"

cut_off "$LAB/old"
start_volume web
dd if="$LAB/state" of="$(image web -dirty.img)" conv=notrunc status=none
stop_volume web
whole "$LAB/state"
holds "$cut" "$LAB/old"
ok "a run and its commit"

cut_off "$LAB/state"
virsh vol-upload web "$LAB/third" --pool qubes
whole "$LAB/third"
holds "$cut" "$LAB/state"
ok "an upload"

cut_off "$LAB/third"
virsh vol-resize web 2M --pool qubes
virsh vol-resize web 1M --pool qubes --shrink
whole "$LAB/third"
ok "a resize"

cut_off "$LAB/third"
virsh vol-delete "$cut" qubes
undo=$(reverts web@kept)
whole "$LAB/old"
holds "$undo" "$LAB/third"
ok "the deletion of the revision that was begun, and a revert"

cut_off "$LAB/old"
virsh vol-delete web qubes --delete-snapshots
expect_exactly "" volumes qubes
[ ! -e "$pool/volumes/web.img" ] && ! compgen -G "$pool/volumes/web.img*" >/dev/null || die "left something"
ok "the deletion of the volume"

done_testing
