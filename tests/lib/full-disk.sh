# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# A file system at $dir that is full: to be sourced after lab.sh, pool.sh and states.sh.

# fill_up [BYTES]: all but about so many bytes are taken, in $dir/ballast.
fill_up()
{
    local keep=${1:-0} free part number=0

    mkdir -p "$dir/ballast"
    for part in 2 8 64; do
        free=$(free_bytes "$dir")
        [ "$free" -gt "$keep" ] || break
        number=$((number + 1))
        # btrfs has less than it says: then in smaller pieces.
        fallocate -l $(((free - keep) / part * (part - 1) / 4096 * 4096 + 4096)) \
            "$dir/ballast/$FS.$part.$number" 2>/dev/null || true
    done
    [ "$keep" = 0 ] || return 0
    dd if=/dev/zero of="$dir/ballast/last" bs=64k oflag=dsync status=none 2>/dev/null || true
    dd if=/dev/zero of="$dir/ballast/very-last" bs=4k oflag=dsync status=none 2>/dev/null || true
    sync -f "$dir"
}

drop_ballast()
{
    rm -rf "$dir/ballast"
    sync -f "$dir"
}

# info_is_true: what libvirt says is available is what statvfs(3) says, but for what is still under
# way in the file system.
info_is_true()
{
    local difference

    virsh pool-refresh qubes
    difference=$(($(field Available virsh pool-info qubes --bytes) - $(stat -f -c '%f * %S' "$dir")))
    [ "${difference#-}" -lt 8388608 ]
}

# info_follows: a while later at most.
info_follows()
{
    eventually 20 info_is_true
    echo "# pool-info: $(field Available virsh pool-info qubes --bytes) bytes are available"
}

# has_free BYTES
has_free()
{
    [ "$(free_bytes "$dir")" -ge "$1" ]
}

refused_for_space=0 done_without_space=0

# works_or_says NAME COMMAND...: it succeeds, or it fails and says that there is no space and what for.
# Says which by its status.
works_or_says()
{
    local name=$1 status=0
    shift

    "$@" >"$LAB/said" 2>&1 || status=$?
    if [ $status = 0 ]; then
        done_without_space=$((done_without_space + 1))
        return 0
    fi
    refused_for_space=$((refused_for_space + 1))
    grep -E -q "No space left on device|Not enough space left in storage pool" "$LAB/said" ||
        die "$* says '$(cat "$LAB/said")'"
    grep -q -F "$name" "$LAB/said" || die "$* does not name $name: '$(cat "$LAB/said")'"
    return 1
}
