#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs ext4
# A named revision while a domain writes: a reflink is of one moment. A copy takes time, and one of what
# is written to meanwhile would be a state that the disk never had.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=2G -- python3
reflink_pool qubes "$dir/qubes" "$fallback"
size=$((300 << 20))
random_file "$LAB/content" $size
virsh vol-create-as qubes web 300M
virsh vol-upload web "$LAB/content" --pool qubes
start_volume web
dirty=$(image web -dirty.img)

# A guest: numbers its writes, first at the start of the disk and then at its end.
cat >"$LAB/guest.py" <<'END'
import os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
end = os.lseek(fd, 0, os.SEEK_END) - 8
for number in range(1, 1 << 60):
    for at in 0, end:
        os.pwrite(fd, struct.pack("<Q", number), at)
        os.fdatasync(fd)
END

number()
{
    od -An -t u8 -N8 -j "$2" "$1" | tr -d ' '
}

python3 "$LAB/guest.py" "$dirty" &
guest=$!
is_writing()
{
    ! cmp -s -n 8 "$dirty" "$LAB/content"
}
eventually 10 is_writing
sleep 0.2
if [ "$FS" = ext4 ]; then
    for _ in 1 2 3; do
        fails_with "'web@live' & virsh suspend" virsh vol-clone web web@live --pool qubes
        [ ! -e "$(image web .img@live)" ] || die "it was left"
    done
    nothing_left
    ok "a copy of what a guest writes to all the time is refused, and nothing of it is left"
else
    for label in a b c; do
        virsh vol-clone web web@$label --pool qubes
        file=$(image web .img@$label)
        first=$(number "$file" 0) last=$(number "$file" $((size - 8)))
        [ "$first" -eq "$last" ] || [ "$first" -eq $((last + 1)) ] || die "$first and $last: never so"
    done
    ok "a reflink is of one moment, while a guest writes all the time"
fi

kill -STOP $guest
virsh vol-clone web web@suspended --pool qubes
cmp "$(image web .img@suspended)" "$dirty"
kill -KILL $guest
wait $guest || true
virsh vol-clone web web@idle --pool qubes
cmp "$(image web .img@idle)" "$dirty"
ok "a guest that is suspended, or does not write, is no hindrance"
stop_volume web
done_testing
