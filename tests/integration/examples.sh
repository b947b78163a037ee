#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# The examples of virt-reflink(8), virt-reflink-data(8) and virt-reflink-pool(8) do what the pages say, as they stand there.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool kinds
export PATH=$STAGE_DIR/bin:$LAB/bin:$PATH
for pool in vms backups; do
    reflink_pool $pool "$dir/$pool" "<reflink:revisions keep='9'/>"
done
lab_stop_libvirtd

# The other host of the page is this one.
mkdir "$LAB/bin"
printf '#!/bin/sh\nshift\nexec "$@"\n' >"$LAB/bin/ssh"
chmod 755 "$LAB/bin/ssh"

# examples SECTION: writes its displayed commands to $LAB/SECTION.1, .2, ...; one of systemd's is not for this host,
# and that of adopt is integration/adopt's.
examples()
{
    local file

    awk -v section="$1" -v file="$LAB/$1." '
        /^\.S[hs] / { inside = $2 == section; next }
        inside && /^\.Bd -literal/ { open = 1; number++; next }
        /^\.Ed/ { open = 0 }
        inside && /^\.Dl / { number++; sub(/^\.Dl /, ""); line = 1 }
        inside && (open || line) { gsub(/\\e/, "\\"); print > (file number); line = 0 }
    ' "$SOURCE_DIR"/docs/virt-reflink{,-data,-pool}.8
    for file in "$LAB/$1".*; do
        ! grep -q -e systemctl -e "virt-reflink adopt" "$file" || rm "$file"
    done
    sed -i "s|/var/lib/prometheus/node-exporter|$LAB|g" "$LAB/$1".*
}

# example SECTION WORDS: runs the one that has these words.
example()
{
    local file

    file=$(grep -l -e "$2" "$LAB/$1".*) || die "no example of $1 has '$2'"
    bash -eu -o pipefail "$file" >"$LAB/said" 2>&1 || die "the example '$2' of $1 fails: $(cat "$LAB/said")"
    rm "$file"
}

# run_of VOLUME TEXT: a run that writes TEXT.
run_of()
{
    tool start -q vms "$1"
    printf '%s' "$2" | write_image "$(dirty "$1")"
    tool stop -q vms "$1"
}

dirty()
{
    tool info --json vms "$1" | sed -n 's|.*"path": "\(.*-dirty.img\)".*|\1|p'
}

mkdir -p "$dir/vms/volumes" "$dir/vms/appvms/mail"
truncate -s 1M "$dir/vms/volumes/web1.img" "$dir/vms/appvms/mail/private.img"
for run in 1 2 3 4 5 6 7 8; do
    run_of web1 "$run"
done
examples EXAMPLES
example EXAMPLES "revert vms web1 7"
[ "$(head -c 1 "$dir/vms/volumes/web1.img")" = 6 ] || die "web1 is not what revision 7 was"
example EXAMPLES before-upgrade
example EXAMPLES older-than
example EXAMPLES keep-daily
expect_exactly $'REVISION\n9' awk '{ print $1 }' <(tool revisions vms web1)
example EXAMPLES metrics
grep -q '^libvirt_reflink_volumes{' "$LAB/vms.prom" || die "no metrics: $(cat "$LAB/vms.prom")"
ok "examples of revisions and metrics"

# Of those that are left, one asks for more space than this file system has.
sed -i 's/50G/1M/' "$LAB"/EXAMPLES.*
example EXAMPLES min-free
lab_start_libvirtd
example EXAMPLES "virt-reflink repath"
lab_stop_libvirtd
[ -z "$(ls "$LAB"/EXAMPLES.* 2>/dev/null)" ] || die "no test of $(cat "$LAB"/EXAMPLES.*)"
ok "there are no others"

examples Backup
sed -i 's/^ *\.\.\. on the next day \.\.\.$/tool_writes/' "$LAB"/Backup.*
tool_writes()
{
    tool start -q vms appvms/mail/private
    printf tuesday | write_image "$(dirty appvms/mail/private)"
    tool stop -q vms appvms/mail/private
}
export -f tool_writes tool write_image dirty
export STAGE_DIR
run_of appvms/mail/private monday
example Backup "@tuesday"
cmp "$dir/vms/appvms/mail/private.img" "$dir/backups/volumes/work-private.img"
example Backup "vms restored"
[ "$(head -c 6 "$dir/vms/volumes/restored.img")" = monday ] || die "restored is not the state before"
tool snapshot -q vms appvms/mail/private monday
head -c 60000 /dev/urandom | write_image "$dir/vms/appvms/mail/private.img@monday" 262144
fails_with "kept until" tool receive --partial backups work-private \
    < <(tool send vms appvms/mail/private@monday | head -c 50000)
example Backup resume-from
cmp "$dir/vms/appvms/mail/private.img@monday" "$dir/backups/volumes/work-private.img"
[ -z "$(ls "$LAB"/Backup.* 2>/dev/null)" ] || die "no test of $(cat "$LAB"/Backup.*)"
ok "examples of a backup, its restore, and a connection that breaks"
done_testing
