#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Guests write what is in images. Refresh, start and stop read none of it, and a refresh does not
# even open an image; the worker reads a sample to compare: strace watches libvirtd, its hooks and their workers.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest later -- strace qemu-system-x86_64
reads=read,pread64,readv,preadv,preadv2,mmap,copy_file_range,sendfile,splice
opens=open,openat,openat2
births=clone,clone3,fork,vfork,execve

# The daemon is watched from its start on, by a strace that is a child of it (-D): only so does
# the kernel pass on nothing but these system calls, and all others are as fast as ever.
mkdir "$LAB/bin"
cat >"$LAB/bin/libvirtd" <<END
#!/bin/sh
exec strace -D -f --seccomp-bpf -y -qq -o $LAB/trace -e trace=$reads,$opens,$births \
    $(command -v libvirtd) "\$@"
END
chmod +x "$LAB/bin/libvirtd"
PATH=$LAB/bin:$PATH
lab_start_libvirtd

watch_starts()
{
    watched_from=$(wc -l <"$LAB/trace")
}

# The workers end a little after their hooks.
watch_ends()
{
    eventually 20 no_worker
    without_guests <"$LAB/trace" | awk -v from="$watched_from" '$1 > from' >"$LAB/seen"
    [ -s "$LAB/seen" ]
}

no_worker()
{
    ! pgrep -x '50-reflink|libvirt-reflink'
}

# Drops what QEMU's processes and threads do, whose reading is the guest's; puts its number before
# each line.
without_guests()
{
    awk '
        /execve\(.*qemu-system/ { guest[$1] = 1 }
        /(clone3?|v?fork)[( ].* = [0-9]+$/ && $1 in guest { guest[$NF] = 1 }
        !($1 in guest) { print NR, $0 }'
}

# What the pool's files had done to them; those that are ours to read are left out. A file
# without a name is shown as "PATH/#INODE (deleted)".
image_reads()
{
    grep -E "(${reads//,/|})\(.*<$pool/[^>]*>" "$LAB/seen" |
        grep -v -E '\.volume\.xml(~[^>]*)?>|\.reflink-pool\.xml(~[^>]*)?>' || true
}

# With O_PATH a file is found, not opened; what is opened then has its name behind the descriptor.
image_opens()
{
    grep -E "(${opens//,/|})(\(| resumed>).*\.img" "$LAB/seen" | grep -v O_PATH || true
}

# --- a pool with all the kinds of volume

reflink_pool qubes "$pool" "<reflink:revisions keep='1'/>
    <reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='*/direct' kind='direct'/>"
mkdir "$dir/plain"
cp "$BOOT_IMAGE" "$dir/plain/boot"
stock_pool plain "$dir/plain"
volume_document vm/template 1048576 >"$LAB/template.xml"
virsh vol-create-from qubes "$LAB/template.xml" boot --inputpool plain
create_snapshot qubes vm/root "$pool/vm/template.img"
virsh vol-create-as qubes vm/private 1M
virsh vol-create-as qubes vm/volatile 1M
virsh vol-create-as qubes vm/direct 1M
virsh vol-clone vm/private vm/private@label --pool qubes
disks=
for name in root private volatile direct; do
    disks+=" $pool/vm/$name-dirty.img"
done
lab_domain vm "$disks" >"$LAB/vm.xml"
virsh define "$LAB/vm.xml"

# Under strace a guest is slow: this one never begins, and it is us who write to its disk.
run()
{
    virsh start vm --paused
    echo "$1" | dd of="$pool/vm/private-dirty.img" conv=notrunc status=none
    virsh destroy vm
}

run first

# --- that the watch sees at all

watch_starts
virsh vol-download vm/private "$LAB/out" --pool qubes
virsh pool-refresh qubes
watch_ends
expect "vm/private.img" image_reads
expect "vm/private.img" image_opens
ok "a download is seen to read its image"

# --- refresh

watch_starts
virsh pool-refresh qubes
virsh vol-list qubes --details >"$LAB/list"
for name in template root private volatile direct private@1; do
    virsh vol-info "vm/$name" qubes >"$LAB/info"
    virsh vol-dumpxml "vm/$name" qubes >"$LAB/info"
done
virsh pool-destroy qubes
virsh pool-start qubes
watch_ends
grep -q reflink-pool.xml "$LAB/seen"
expect_exactly "" image_opens
expect_exactly "" image_reads
ok "a refresh, a pool's start and all information open no image"

# --- start and stop

# Where the worker makes a precache of a pruned revision it compares at most 32 blocks of both images.
sample_reads()
{
    image_reads | grep -E 'pread64\([0-9]+<[^>]*/private\.img(~[0-9a-f]{6})?>' || true
}

reads_a_sample_at_most()
{
    expect_exactly "" sh -c 'grep -v -F -x -f "$1" "$2" || true' sh "$LAB/sample" "$LAB/reads"
    [ "$(grep -c 'private\.img>' "$LAB/sample")" -le 32 ]
    [ "$(grep -c 'private\.img>' "$LAB/sample")" = "$(grep -c 'private\.img~' "$LAB/sample")" ]
}

for word in second third; do
    watch_starts
    run "$word"
    watch_ends
    grep -q "execve.*50-reflink" "$LAB/seen"
    grep -q "openat.*private-dirty.img" "$LAB/seen"
    image_reads >"$LAB/reads"
    sample_reads >"$LAB/sample"
    reads_a_sample_at_most
    expect_exactly "$word" head -n 1 "$pool/vm/private.img"
done
expect "vm/private@3" volumes qubes
ok "start and commit read no image, and the work after them no more than a sample"

# costs OPERATION: what libvirt's call for that opened and made: pools, processes, and the libraries behind libxml2.
costs()
{
    awk -v operation="\"$1\"" '
        /execve\(".*libvirt-reflink-event"/ && index($0, operation) { hook = $2 }
        $2 != hook { next }
        /open.*\.reflink-pool\.xml"/ { pools++ }
        /(clone3?|v?fork)[( ].* = [0-9]+$/ { processes++ }
        /open.*\/lib(xml2|icu)[^"]*\.so/ { libraries++ }
        END { print (hook != ""), pools + 0, processes + 0, libraries + 0 }' "$LAB/seen"
}

# All four volumes are of one pool. One process keeps their images open; each has a worker.
expect_exactly "1 1 1 0" costs prepare
expect_exactly "1 1 0 0" costs started
expect_exactly "1 1 4 0" costs release
ok "a call of the hook opens a pool once, and loads nothing for XML as libvirt writes it"

sleep 2 # younger, the clean image's date would prove nothing
watch_starts
virsh start vm --paused
virsh pool-refresh qubes
virsh vol-list qubes >"$LAB/list"
virsh destroy vm
watch_ends
expect_exactly "" image_reads
expect_not "vm/private@4" volumes qubes
ok "neither do a refresh while it runs, and a stop with nothing written"

done_testing
