#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# sudo FS=xfs tests/bench/dirty-end.sh [MEBIBYTES]: how long the end of a domain takes when so much of its disk is
# in the page cache only (1024), how much of that our hook waits for the disk, and whether another domain's end is
# handled meanwhile. Domains end by the API (destroy), because their emulator ends (SIGTERM), and because it dies
# (SIGKILL). No test: it only prints.
set -eu
[ $# = 0 ] || export BENCH_MEBIBYTES=$1
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest size=8G -- qemu-system-x86_64 strace
size=${BENCH_MEBIBYTES:-1024}

guest_pool "$pool"
boot_volume vm/big
guest_wish "$pool/vm/big.img" P # it idles until somebody ends it
guest_domain big vm/big
# The other one has no volume: its end waits for no disk.
cp "$BOOT_IMAGE" "$LAB/other.img"
guest_wish "$LAB/other.img" P
lab_domain other "$LAB/other.img" >"$LAB/other.xml"
virsh define "$LAB/other.xml" >/dev/null
virsh vol-resize vm/big "$((size + 2))M" --pool qubes >/dev/null

now_ms()
{
    date +%s%3N
}

# begin MEBIBYTES: both domains run, and so much of the big one's disk is dirty.
begin()
{
    virsh start big >/dev/null
    virsh start other >/dev/null
    guest_says big "disk 0"
    guest_says other "disk 0"
    sync
    [ "$1" = 0 ] || dd if=/dev/urandom of="$pool/vm/big-dirty.img" bs=1M seek=1 count="$1" conv=notrunc status=none
}

# end_by WAY NAME
end_by()
{
    case $1 in
    API) virsh destroy "$2" >/dev/null ;;
    TERM | KILL)
        kill "-$1" "$(cat "/run/libvirt/qemu/$2.pid")"
        while ! domain_is_off "$2" || [ -e "$pool/vm/$2-dirty.img" ]; do sleep 0.01; done
        ;;
    esac
}

# took WAY MEBIBYTES: prints how long both ends took. The other's begins 50 ms later.
took()
{
    local since tracer

    begin "$2"
    strace -f -qq -T -e trace=fsync,fdatasync -o "$LAB/trace" -p "$LIBVIRTD_PID" 2>/dev/null &
    tracer=$!
    eventually 20 grep -q "^TracerPid:	$tracer" "/proc/$LIBVIRTD_PID/status"
    since=$(now_ms)
    (
        sleep 0.05
        since=$(now_ms)
        end_by "$1" other
        echo $(($(now_ms) - since)) >"$LAB/other-ms"
    ) &
    end_by "$1" big
    since=$(($(now_ms) - since))
    while [ ! -s "$LAB/other-ms" ]; do sleep 0.01; done
    kill -INT "$tracer"
    wait || true
    echo "$FS: $1, $2 MiB dirty: $since ms, of it the hook's fsync $(sed -n 's/.*<\([0-9.]*\)>$/\1/p' "$LAB/trace" |
        awk '{ sum += $1 } END { printf "%d", 1000 * sum }') ms; a domain without volumes: $(cat "$LAB/other-ms") ms"
    rm "$LAB/other-ms"
}

for way in API TERM KILL; do
    for amount in 0 "$size"; do
        took "$way" "$amount"
    done
done
done_testing >/dev/null
