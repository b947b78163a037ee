# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The operations of matrix.txt, and what goes on while they are tried: to be sourced after
# matrix-states.sh. $volume is the cell's volume, $target that or its revision, $image.img its image.

# --- Domains.

# domain_xml NAME IMAGE...
domain_xml()
{
    local name=$1 image i=0 uuid=$OWN
    shift

    [ "$name" = own ] || uuid=$OTHER
    echo "<domain type='qemu'><name>$name</name><uuid>$uuid</uuid><devices>"
    for image in "$@"; do
        i=$((i + 1))
        echo "<disk type='file' device='disk'>"
        if is_overlaid "$name"; then
            echo "<driver name='qemu' type='qcow2'/><source file='$LAB/overlay-$i'/>"
            echo "<backingStore type='file'><format type='raw'/><source file='$image'/></backingStore>"
        else
            echo "<driver name='qemu' type='raw'/><source file='$image'/>"
        fi
        echo "<target dev='vd$i' bus='virtio'/></disk>"
    done
    echo "</devices></domain>"
}

# is_overlaid NAME: an external snapshot was made of that domain, when it had been started.
is_overlaid()
{
    [ "$state" = below ] && [ "$1" = own ] && [ "${overlaid:-yes}" = yes ]
}

# domain_ended NAME ENDING IMAGE...: as libvirt's status file and its hook tell it; see hook().
domain_ended()
{
    local name=$1 ending=$2
    shift 2

    domain_xml "$name" "$@" | HOOK_ENDING=$ending hook "$name" release end
}

# --- Operations.

# attempt COMMAND...: $status and $said (both streams) are what came of it.
attempt()
{
    said=$("$@" 2>&1) && status=0 || status=$?
}

# The image that a domain has as its disk: a revision's own where the target is one.
disk()
{
    case $kind in
    automatic) echo "$image".img.1@* ;;
    named) echo "$image.img@keep" ;;
    *)
        case $state in
        unlinked | misled | edited) echo "$POOL/$op" ;;
        *) echo "$image-dirty.img" ;;
        esac
        ;;
    esac
}

operation_start()
{
    domain_xml own "$(disk)" | hook own prepare begin
}

operation_start_other()
{
    domain_xml other "$(disk)" | hook other prepare begin
}

# The daemon has the save file open while it calls the hook, and calls it twice from one thread.
operation_restore()
{
    local document=$LAB/restored.xml

    domain_xml own "$(disk)" >"$document"
    qemu_save_file <"$document" >"$LAB/own.save"
    LD_PRELOAD=$(libvirt_library 9000) play_daemon \
        'unset LD_PRELOAD; "$1" own restore begin - <"$2" && "$1" own prepare begin - <"$2"; exit $?' - \
        /etc/libvirt/hooks/libxl.d/50-reflink "$document" 9<"$LAB/own.save"
}

operation_stop()
{
    domain_ended own destroyed "$(disk)"
}

operation_stop_other()
{
    domain_ended other destroyed "$(disk)"
}

operation_save()
{
    domain_ended own saved "$(disk)"
}

operation_end_unknown()
{
    domain_ended own none "$(disk)"
}

operation_info()
{
    api vol-info "$target" m
}

operation_xml()
{
    api vol-dumpxml "$target" m
}

operation_clone()
{
    api vol-clone --pool m "$target" new/v
}

operation_clone_as()
{
    api vol-clone --pool m "$target" new/v@kind=direct
}

operation_label()
{
    api vol-clone --pool m "$target" "$volume@label"
}

# Those of the kinds without revisions of their own are given another volume's.
operation_revert()
{
    case $kind in
    snapshot | volatile) api vol-clone --pool m by/stander@1 "$volume@current" ;;
    automatic | named) api vol-clone --pool m "$target" "$volume@current" ;;
    *) api vol-clone --pool m "$volume@1" "$volume@current" ;;
    esac
}

operation_import()
{
    case $kind in
    automatic | named) api vol-clone --pool m by/stander "$target" ;;
    *) api vol-clone --pool m by/stander "$volume@current" ;;
    esac
}

# A persistent volume becomes direct, all others persistent.
operation_become()
{
    local other=persistent

    [ "$kind" != persistent ] || other=direct
    api vol-clone --pool m by/stander "$volume@current@kind=$other"
}

operation_upload()
{
    api vol-upload "$target" "$LAB/U" --pool m
}

operation_download()
{
    rm -f "$LAB/downloaded"
    api vol-download "$target" "$LAB/downloaded" --pool m
}

operation_grow()
{
    api vol-resize "$target" 2M --pool m
}

operation_shrink()
{
    api vol-resize "$target" 512K --pool m --shrink
}

operation_delete()
{
    api vol-delete "$target" m
}

operation_delete_named()
{
    api vol-delete "$target" m
}

operation_delete_all()
{
    api vol-delete "$target" m --delete-snapshots
}

operation_wipe()
{
    api vol-wipe "$target" m
}

operation_create()
{
    api vol-create-as m "$target" 1M
}

operation_cmd_start()
{
    "$STAGE_DIR/bin/virt-reflink" start "$POOL" "$target" 5>&-
}

operation_cmd_stop()
{
    "$STAGE_DIR/bin/virt-reflink" stop "$POOL" "$target" 5>&-
}

operation_cmd_continue()
{
    "$STAGE_DIR/bin/virt-reflink" continue "$POOL" "$target" 5>&-
}

operation_cmd_discard()
{
    "$STAGE_DIR/bin/virt-reflink" discard "$POOL" "$target" 5>&-
}

# --- What goes on meanwhile. A domain is descriptor 5; an upload is fed through descriptor 6.

enter_cell()
{
    case $state in
    running) exec 5<>"$image-dirty.img" ;;
    uploading) begin_upload ;;
    cloning) begin_clone ;;
    esac
}

leave_cell()
{
    case $state in
    running) exec 5>&- ;;
    uploading) end_upload "$1" ;;
    cloning) end_clone ;;
    esac
}

daemon_has_open()
{
    [ -n "$(find "/proc/$LIBVIRTD_PID/fd" -lname "$1")" ]
}

begin_upload()
{
    rm -f "$LAB/pipe"
    mkfifo "$LAB/pipe"
    command virsh -q vol-upload "$volume" "$LAB/pipe" --pool m >"$LAB/uploading" 2>&1 &
    meanwhile=$!
    exec 6>"$LAB/pipe"
    head -c 65536 "$LAB/U" >&6
    eventually 10 daemon_has_open "$POOL/$op/* (deleted)"
    writers=1
}

end_upload()
{
    local failed=0 said

    had=$has
    tail -c +65537 "$LAB/U" >&6
    exec 6>&-
    wait "$meanwhile" || failed=1
    said=$(cat "$LAB/uploading")
    writers=0
    settled
    look "$op"
    if [[ $1 == *+lost ]]; then
        [ $failed = 1 ] || wrong "the upload was to fail"
        case $op in
        *start*) has_words "'$volume' & running" <<<"$said" || wrong "the upload says '$said'" ;;
        *) has_words "'$volume' & meanwhile" <<<"$said" || wrong "the upload says '$said'" ;;
        esac
        becomes
    else
        [ $failed = 0 ] || wrong "the upload failed"
        becomes clean=U 2=A
    fi
}

begin_clone()
{
    touch "$LAB/slow"
    volume_document c/v 1048576 >"$LAB/cloning.xml"
    command virsh -q vol-create-from away "$LAB/cloning.xml" "$target" --inputpool m \
        >"$LAB/cloning" 2>&1 &
    meanwhile=$!
    case $kind in
    automatic | named) eventually 10 daemon_has_open "$(disk)" ;;
    *) eventually 10 daemon_has_open "$image.img" ;;
    esac
}

# It brings what there was when it began, whatever has happened since, and what a domain writes.
end_clone()
{
    [ ! -e "$image-dirty.img" ] || fill "$image-dirty.img" D
    rm "$LAB/slow"
    wait "$meanwhile" || wrong "the clone failed: $(cat "$LAB/cloning")"
    [ "$(letter_of "$LAB/other/away/c/v.img")" = "$(committed_letter)" ] ||
        wrong "the clone has another content"
    virsh vol-delete c/v away
}
