# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A domain with one volume of each kind: to be sourced after lab.sh, pool.sh and guest.sh.
#
#     kinds_make DIRECTORY    a pool "pool" at DIRECTORY/pool ($POOL), with the volumes vm/persistent,
#                             vm/snapshot (of vm/template, whose counter is 100), vm/volatile and
#                             vm/direct, and a domain "vm" that has them as disks 0 to 3
#
# The guest counts its runs on each disk. So for the N-th run of which the persistent and the direct
# volume know, kinds_counts says "N 101 1 N" if each kind did as it should.

kinds_make()
{
    local kind

    POOL=$1/pool
    reflink_pool pool "$POOL" "
      <reflink:revisions keep='${KEEP:-2}'/>
      <reflink:volume match='*/volatile*' kind='volatile'/>
      <reflink:volume match='*/direct*' kind='direct'/>"
    for kind in persistent template direct volatile; do
        virsh vol-create-as pool "vm/$kind" 1M
    done
    create_snapshot pool vm/snapshot "$POOL/vm/template.img"
    write_image "$POOL/vm/persistent.img" <"$BOOT_IMAGE"
    printf 'd\0\0\0' | write_image "$POOL/vm/template.img" 512
    kinds_define
}

# kinds_define [EXTRA]: defines "vm" (anew), with EXTRA in its <domain>.
kinds_define()
{
    lab_domain vm "$(kinds_images)" "<uuid>00000000-0000-4000-8000-000000000001</uuid>${1:-}" \
        >"$LAB/vm.xml"
    virsh define "$LAB/vm.xml"
}

kinds_images()
{
    printf "$POOL/vm/%s-dirty.img " persistent snapshot volatile direct
}

# write_image FILE [OFFSET]: writes stdin into it in place, as a guest does. A precache of FILE would be the state
# before an edit, and become a revision.
write_image()
{
    dd of="$1" bs="${2:-512}" seek=$((${2:+1} + 0)) conv=notrunc status=none
    rm -f "${1%.img}-precache.img"
}

# kinds_wish LETTER: how the next run of "vm" shall end (see boot.S), also one that goes on with what a
# crash left: nobody edits the clean image below that.
kinds_wish()
{
    local image=$POOL/vm/persistent-dirty.img

    [ -e "$image" ] || image=$POOL/vm/persistent.img
    guest_wish "$image" "$1"
}

# kinds_counts [DOMAIN]: what its guest has counted since it was started, as said on its console.
kinds_counts()
{
    sed -n 's/^disk [0-9]: \([0-9]*\).*/\1/p' "$LAB/${1:-vm}.serial" | xargs
}

kinds_has_counted()
{
    [ "$(kinds_counts "$1" | wc -w)" -ge "$2" ]
}

# kinds_idle [DOMAIN [NUMBER]]: waits until the guest has counted on NUMBER disks, and now idles.
kinds_idle()
{
    eventually 30 kinds_has_counted "${1:-vm}" "${2:-4}"
}

# kinds_start_idle: starts "vm" and lets it count, but not end.
kinds_start_idle()
{
    kinds_wish P
    virsh start vm
    kinds_idle
}

# kinds_committed NUMBER: that is what the two volumes that keep something have at rest, and nothing
# is left of the run but what belongs there.
kinds_committed()
{
    local file

    for file in persistent direct; do
        [ "$(counter "$POOL/vm/$file.img")" = "$1" ] ||
            die "$file has $(counter "$POOL/vm/$file.img"), not $1"
    done
    [ "$(counter "$POOL/vm/template.img")" = 100 ] || die "the template has changed"
    kinds_no_dirty
}

# kinds_note_disks: notes inode and content of what the guest runs or was saved on.
kinds_note_disks()
{
    sync -f "$POOL"
    kinds_disks_noted=$(kinds_disks)
}

kinds_disks()
{
    (cd "$POOL/vm" && stat -c '%n %i' ./*-dirty.img && cksum ./*-dirty.img)
}

# kinds_same_disks: they are as they were noted when the workers are through.
kinds_same_disks()
{
    workers_done
    diff <(echo "$kinds_disks_noted") <(kinds_disks) || die "the disks have changed"
}

kinds_no_dirty()
{
    ! compgen -G "$POOL/vm/*-dirty.img" >/dev/null || die "left: $(ls "$POOL"/vm/*-dirty.img)"
}

# expect_info VOLUME TEXT: what virt-reflink knows of it.
expect_info()
{
    expect "$2" "$STAGE_DIR/bin/virt-reflink" info "$POOL" "$1"
}

# host_loses_power: the host crashes, with what its file system had on disk, and boots again; so the
# clock and the id of the boot that runs were noted with are another's.
host_loses_power()
{
    sync -f "$POOL"
    lab_power_cut
    cat /proc/sys/kernel/random/uuid >"$LAB/boot_id"
    if ! mountpoint -q /proc/sys/kernel/random/boot_id; then
        mount --bind "$LAB/boot_id" /proc/sys/kernel/random/boot_id
        cleanup_fn umount /proc/sys/kernel/random/boot_id
    fi
    lab_start_libvirtd
    virsh list >/dev/null
}

# workers_done: what the hook, or the module in the daemon, has left to be done later is done.
workers_done()
{
    eventually 30 no_worker
}

# The module's workers are threads; -w looks at those, too. A thread takes its name a moment after its
# start, and a worker's parent can end while pgrep reads: so twice.
no_worker()
{
    ! pgrep -w -x '50-reflink|libvirt-reflink|reflink-later' >/dev/null && sleep 0.03 &&
        ! pgrep -w -x '50-reflink|libvirt-reflink|reflink-later' >/dev/null
}

# revisions VOLUME: the numbers of its automatic revisions on disk, oldest first.
revisions()
{
    find "$POOL" -path "$POOL/$1.img.*@*" -printf '%f\n' |
        sed -E 's/.*\.img\.([0-9]+)@.*/\1/' | sort -n | xargs
}

# expect_revisions VOLUME NUMBERS: those are left when the workers are through.
expect_revisions()
{
    workers_done
    expect_exactly "$2" revisions "$1"
}

# no_temporary: none is left when the workers are through.
no_temporary()
{
    workers_done
    expect_exactly "" temporaries
}

# temporaries: the files on their way in or out.
temporaries()
{
    find "$POOL" -name '*~*'
}

# hook DOMAIN OPERATION SUBOPERATION: calls the hook as libvirt does, with the domain's XML on stdin
# (and without descriptor 5, by which a test may have an image open). The hook wants to be called by
# a daemon: a shell of that name plays it, and so has to wait. Before a domain's `release`, what the
# qemu driver does before it: HOOK_ENDING says how the domain ends (see status_file), "none" that
# nothing tells.
hook()
{
    local document=$LAB/hook.xml note

    if [ "$2" != release ] || [ "${HOOK_ENDING:-destroyed}" = none ]; then
        call_hook "$@"
        return
    fi
    cat >"$document"
    if ! grep -q -a "type='xen'" "$document"; then
        # The note of its start went with another end of the same domain, if the test plays several.
        note=/run/libvirt-reflink/started-qemu-$(uuid_of "$document")
        [ -e "$note" ] || : >"$note"
        status_file "$1" "${HOOK_ENDING:-destroyed}" "$document"
        call_hook "$1" stopped end <"$document"
        rm "/run/libvirt/qemu/$1.xml"
    fi
    call_hook "$@" <"$document"
}

call_hook()
{
    play_daemon '"$@"; exit $?' - /etc/libvirt/hooks/libxl.d/50-reflink "$@" -
}

# play_daemon SCRIPT ARGUMENT...: a shell that is taken for the daemon.
play_daemon()
{
    [ -e "$LAB/virtxend" ] || cp "$(command -v bash)" "$LAB/virtxend"
    "$LAB/virtxend" -c "$@" 5>&-
}

# libvirt_library VERSION: the path of libvirt's library by the name that a daemon of that version maps. The hook
# tells by that what a save file of root's is worth.
libvirt_library()
{
    local file=$LAB/libvirt.so.0.$1.0

    [ -e "$file" ] || cp "$(ldconfig -p | awk '$1 == "libvirt.so.0" { print $NF; exit }')" "$file"
    echo "$file"
}

# status_file NAME destroyed|saved|arriving FILE: libvirt's status file of the domain whose XML is in
# FILE and that ends so.
status_file()
{
    local status job

    case $2 in
    destroyed) status="state='shutdown' reason='unknown'" job="type='destroy' async='none'" ;;
    saved) status="state='paused' reason='save'" job="type='none' async='save'" ;;
    arriving)
        status="state='paused' reason='migration'"
        job="type='none' async='migration in' phase='finish3'"
        ;;
    esac
    mkdir -p /run/libvirt/qemu
    echo "<domstatus $status><job $job/><domain><uuid>$(uuid_of "$3")</uuid></domain></domstatus>" \
        >"/run/libvirt/qemu/$1.xml"
}

uuid_of()
{
    sed -n 's,.*<uuid>\(.*\)</uuid>.*,\1,p' "$1" | head -n 1
}

# qemu_save_file: what the qemu driver's save file of a domain begins with, whose XML is on stdin.
qemu_save_file()
{
    perl -e 'local $/; my $xml = <STDIN> . "\0";
             print "LibvirtQemudSave", pack("LL", 2, length $xml), "\0" x 68, $xml'
}

# note FILE NAME: an attribute of ours that the image FILE has.
note()
{
    getfattr --only-values --absolute-names -n "trusted.libvirt-reflink.$2" "$1"
}

# age_run FILE: the run that is noted on the image began more than the grace of five minutes ago.
age_run()
{
    local run since

    run=$(note "$1" run)
    since=$(sed -n 's/^since=//p' <<<"$run")
    setfattr -n trusted.libvirt-reflink.run \
        -v "$(sed "s/^since=.*/since=$((since - 301 * 1000000))/" <<<"$run")"$'\n' "$1"
}

# run_to_save: a new run, which counts and then waits to be saved.
run_to_save()
{
    kinds_start_idle
    kinds_note_disks
}

# saved_well: all four disks are as they were, and are known to be a saved domain's.
saved_well()
{
    local kind

    kinds_same_disks
    for kind in persistent snapshot volatile direct; do
        expect_info "vm/$kind" "saved"
    done
}

# A guest that was only half restored would be waited for in vain by libvirt 9.0.
kill_device_models()
{
    local pid

    for pid in $(pgrep -x qemu-system-x86 || true); do
        kill -KILL "$pid"
        eventually 10 test ! -e "/proc/$pid"
    done
}
