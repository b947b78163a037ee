#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# virt-reflink export: states of volumes for clients of NBD.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-nbd qemu-img qemu-io qemu-storage-daemon python3
KEEP=3 kinds_make "$dir"
socket=$LAB/nbd.sock
uri="nbd+unix:///?socket=$socket"

# run_writes VOLUME TEXT: a run that writes it to the beginning.
run_writes()
{
    tool start -q pool "$1"
    printf '%s' "$2" | write_image "$POOL/$1-dirty.img"
    tool stop -q pool "$1"
}

# begin ARGUMENT...: an export in the background; its exit status is asked for by end.
begin()
{
    "$STAGE_DIR/bin/virt-reflink" export --nbd "$socket" "$@" >"$LAB/said" 2>&1 &
    exporter=$!
    eventually 20 test -S "$socket"
}

# ends STATUS: the export ends, with that, and leaves no socket.
ends()
{
    local status=0

    wait "$exporter" || status=$?
    [ $status = "$1" ] || die "status $status: $(cat "$LAB/said")"
    [ ! -e "$socket" ] || die "the socket is left"
}

# copy FILE: what is served.
copy()
{
    qemu-img convert -f raw -O raw "$uri" "$1"
}

run_writes vm/persistent one
run_writes vm/persistent two
cp "$(echo "$POOL"/vm/persistent.img.2@*)" "$LAB/wanted"
begin --once pool vm/persistent@2
[ "$(stat -c '%a %U' "$socket")" = "600 root" ] || die "the socket is $(stat -c '%a %U' "$socket")"
refused "'vm/persistent@2' & open" "$POOL" tool delete pool vm/persistent@2
mv "$(echo "$POOL"/vm/persistent.img.2@*)" "$LAB/away" # by an administrator
copy "$LAB/copy"
ends 0
cmp "$LAB/copy" "$LAB/wanted"
expect "vm/persistent@2, 1.0 MiB, is served as nbd+unix:///?socket=$socket, until its client has gone." cat "$LAB/said"
ok "a revision is served once, is not deleted meanwhile, and whatever happens to its name"

begin pool vm/persistent
copy "$LAB/copy"
run_writes vm/persistent three
copy "$LAB/again"
cmp "$LAB/copy" "$LAB/again"
[ "$(head -c 3 "$LAB/copy")" = two ] || die "it serves '$(head -c 5 "$LAB/copy")'"
! qemu-io -f raw -c "write 0 512" "$uri" >"$LAB/io" 2>&1 || ! grep -q '^wrote' "$LAB/io" || die "it was written to"
refused "'vm/persistent' & open" "$POOL" tool rename pool vm/persistent vm/other
expect_exactly $'REVISION\n3' awk 'NR == 1 || $1 == 3 { print $1 }' <(tool revisions pool vm/persistent)
tool prune -q --yes --keep 0 pool vm/persistent
copy "$LAB/again"
cmp "$LAB/copy" "$LAB/again"
kill -TERM "$exporter"
ends 0
begin pool vm/persistent
rm "$socket"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$socket"
kill -TERM "$exporter"
wait "$exporter"
[ -S "$socket" ] || die "what another process put there is removed"
rm "$socket"
begin pool vm/persistent
kill -KILL "$exporter"
eventually 20 bash -c "! qemu-io -r -f raw -c 'read 0 512' '$uri'"
wait "$exporter" || true
rm "$socket"
ok "a volume is served in its last committed state until a signal comes, and is not written to"

tool start -q pool vm/persistent
printf four | write_image "$POOL/vm/persistent-dirty.img"
begin --once pool vm/persistent
[ "$(copy "$LAB/copy" && head -c 5 "$LAB/copy")" = three ] || die "it serves '$(head -c 5 "$LAB/copy")'"
ends 0
names=$(ls -A "$POOL/vm")
begin --live pool vm/persistent
printf five | write_image "$POOL/vm/persistent-dirty.img"
[ "$(copy "$LAB/copy" && head -c 4 "$LAB/copy")" = four ] || die "it serves '$(head -c 5 "$LAB/copy")'"
expect_exactly "$names" ls -A "$POOL/vm"
kill -TERM "$exporter"
ends 0
tool stop -q pool vm/persistent
expect_exactly "vm/persistent 1048576 $socket" python3 -c '
import json, sys
said = json.load(sys.stdin)
print(said["name"], said["size"], said["socket"])' \
    < <(begin --once --json pool vm/persistent && copy "$LAB/copy" && ends 0 && cat "$LAB/said")
ok "of a running volume the committed state is served, or the present one"

# The only image of a direct volume, which a domain would write to.
run_writes vm/direct one
begin pool vm/direct
tool start -q pool vm/direct
printf two | write_image "$POOL/vm/direct-dirty.img"
[ "$(copy "$LAB/copy" && head -c 3 "$LAB/copy")" = one ] || die "it serves '$(head -c 5 "$LAB/copy")'"
tool stop -q pool vm/direct
kill -TERM "$exporter"
ends 0
[ "$(head -c 3 "$POOL/vm/direct.img")" = two ] || die "the write to vm/direct is lost"
ok "what a direct volume's domain writes meanwhile is neither served nor lost"

# What a guest wrote there is no format to qemu-nbd (CVE-2013-1922).
qemu-img create -q -f qcow2 -F raw -b /etc/hostname -u "$LAB/header" 1M
tool start -q pool vm/persistent
write_image "$POOL/vm/persistent-dirty.img" <"$LAB/header"
tool stop -q pool vm/persistent
begin --once pool vm/persistent
copy "$LAB/copy"
ends 0
cmp "$LAB/copy" "$POOL/vm/persistent.img"
ok "a header that a guest wrote is served as it is"

# A backup program has the older state, asks what changed, and reads no more than that.
# changed_ranges: "START LENGTH" of each, in bytes, as a client of NBD is told.
changed_ranges()
{
    qemu-img map --output=json --image-opts \
        "driver=nbd,server.type=unix,server.path=$socket,x-dirty-bitmap=qemu:dirty-bitmap:changed" |
        python3 -c 'import json, sys
for one in json.load(sys.stdin):
    if not one["data"]:
        print(one["start"], one["length"])'
}

# has_bitmap: the server is ready; the socket is there before.
has_bitmap()
{
    grep -q "Its bitmap 'changed' marks the $1 that differ from $2" "$LAB/said"
}

virsh vol-create-as pool vm/large 64M
tool start -q pool vm/large
head -c 64M /dev/urandom | write_image "$POOL/vm/large-dirty.img"
tool stop -q pool vm/large
cp "$POOL/vm/large.img" "$LAB/backup"
tool start -q pool vm/large
for block in 0 1 7 4000 16383; do
    dd if=/dev/urandom of="$POOL/vm/large-dirty.img" bs=4096 count=1 seek=$block conv=notrunc status=none
done
tool stop -q pool vm/large
begin --from vm/large@2 pool vm/large
eventually 20 has_bitmap "20.0 KiB" vm/large@2
expect_exactly $'0 8192\n28672 4096\n16384000 4096\n67104768 4096' changed_ranges
copy "$LAB/copy"
while read -r start length; do
    dd if="$LAB/copy" of="$LAB/backup" bs=4096 count=$((length / 4096)) skip=$((start / 4096)) \
        seek=$((start / 4096)) conv=notrunc status=none
done < <(changed_ranges)
cmp "$LAB/backup" "$POOL/vm/large.img"
! qemu-io -f raw -c "write 0 512" "$uri" >"$LAB/io" 2>&1 || ! grep -q '^wrote' "$LAB/io" || die "it was written to"
kill -TERM "$exporter"
ends 0
cmp "$LAB/backup" "$POOL/vm/large.img"
begin --from vm/large pool vm/large
eventually 20 has_bitmap "0 bytes" vm/large
expect_exactly "" changed_ranges
kill -TERM "$exporter"
ends 0
tool start -q pool vm/large
printf x | write_image "$POOL/vm/large-dirty.img" 4096
begin --json --live --from vm/large pool vm/large
eventually 20 grep -q '"changed"' "$LAB/said"
expect_exactly "4096 4096" changed_ranges
expect_exactly "vm/large changed 4096" python3 -c '
import json, sys
said = json.load(open(sys.argv[1]))
print(said["from"], said["bitmap"], said["changed"])' "$LAB/said"
kill -KILL "$exporter"
eventually 20 bash -c "! qemu-io -r -f raw -c 'read 0 512' '$uri'"
wait "$exporter" || true
rm "$socket"
tool stop -q pool vm/large
# A qemu-io that leaves out a block is found out.
mkdir "$LAB/bin"
printf '#!/bin/sh\nsed 1d | %s "$@"\n' "$(command -v qemu-io)" >"$LAB/bin/qemu-io"
chmod +x "$LAB/bin/qemu-io"
refused "marked 12288 instead of 20480 bytes" "$POOL" env "PATH=$LAB/bin:$PATH" "$STAGE_DIR/bin/virt-reflink" export \
    --nbd "$socket" --from vm/large@2 pool vm/large@3
refused "qemu-storage-daemon is missing" "$POOL" env PATH=/none "$STAGE_DIR/bin/virt-reflink" export --nbd "$socket" \
    --from vm/large@2 pool vm/large
refused "'vm/large@9' & no revision" "$POOL" tool export --nbd "$socket" --from vm/large@9 pool vm/large
[ ! -e "$socket" ] || die "a socket is left"
ok "a dirty bitmap says what changed since another state"

begin pool vm/persistent
printf x | write_image "$POOL/vm/persistent.img"
kill -TERM "$exporter"
ends 1
expect "a process wrote to 'vm/persistent' meanwhile" cat "$LAB/said"
: >"$LAB/file"
refused "'$LAB/file' exists already" "$LAB/file" tool export --nbd "$LAB/file" pool vm/persistent
refused "longer than" "$POOL" tool export --nbd "$LAB/$(printf '%0120d' 1)" pool vm/persistent
refused "'vm/persistent@9' & no revision" "$POOL" tool export --nbd "$socket" pool vm/persistent@9
refused "is volatile" "$POOL" tool export --nbd "$socket" pool vm/volatile
refused "qemu-nbd is missing" "$POOL" env PATH=/none "$STAGE_DIR/bin/virt-reflink" export --nbd "$socket" pool vm/persistent
[ ! -e "$socket" ] || die "a socket is left"
for wrong in "pool vm/persistent" "--nbd $socket --live pool vm/persistent@2" "--nbd $socket --once --from vm/persistent pool vm/persistent" "--nbd $socket pool"; do
    status=0
    # shellcheck disable=SC2086
    tool export $wrong >/dev/null 2>&1 || status=$?
    [ $status = 2 ] || die "export $wrong: status $status"
done
ok "an edit meanwhile is told, and what cannot be served is refused"

done_testing
