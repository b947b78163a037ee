# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the words in matrix.txt mean: to be sourced after matrix-states.sh. A function check_WORD (with
# "_" for "-") for each; it looks at the cell's volume $volume, whose images are $image*, and which had
# $had before and has $has now; $said is what the operation said.

wrong()
{
    die "$kind, $state, $op: $*; it said: $said"
}

# becomes KEY=VALUE...: that and no more has changed of what it has; an empty VALUE is gone. But whatever
# is done with a volume that was edited makes the precache a revision.
becomes()
{
    local -A known=()
    local pair was=$has

    [ "$state $status" != "edited 0" ] || set -- precache= 2=A "$@"
    for pair in $had "$@"; do
        known[${pair%%=*}]=${pair#*=}
    done
    ordered
    [ "$has" = "$was" ] || wrong "it has '$was', not '$has'"
}

# marked HOLD UUID: what is noted on the dirty image; empty for nothing.
marked()
{
    local hold uuid

    hold=$(note "$image-dirty.img" hold 2>/dev/null || true)
    uuid=$(note "$image-dirty.img" run 2>/dev/null | sed -n 's/^uuid=//p' || true)
    [ "$hold" = "$1" ] || wrong "it is marked '$hold', not '$1'"
    [ "$uuid" = "$2" ] || wrong "it is run by '$uuid', not '$2'"
}

# Who starts it in this operation.
starter()
{
    case $op in
    start-other) echo $OTHER ;;
    cmd-start) echo 00000000-0000-0000-0000-000000000000 ;;
    *) echo $OWN ;;
    esac
}

# The letter of its last committed state, as clones and exports have it.
committed_letter()
{
    case $kind in
    automatic | named) echo Z ;;
    *) [ "$state" = edited ] && echo E || echo A ;;
    esac
}

says()
{
    [[ $said == *"$1"* ]] || wrong "that is not '$1'"
}

lists()
{
    api vol-list m | awk '{ print $1 }' | grep -F -x -q -e "$1"
}

check_nothing()
{
    [ "$op" != restore ] || forget_announcement
    # The end of a domain notes that an image is its own, or once more that it is below its overlay.
    case "$op $state" in
    "stop below" | "save below" | "save running" | "stop-other orphan") forget_last_change ;;
    esac
    [ "$listed_after" = "$listed_before" ] ||
        wrong "changed: $(diff <(echo "$listed_before") <(echo "$listed_after"))"
    becomes
}

# That something was noted on the image is no change of the volume.
forget_last_change()
{
    local last_change="s|^($op/v-dirty.img .*) [^ ]+\$|\1|"

    listed_before=$(sed -E "$last_change" <<<"$listed_before")
    listed_after=$(sed -E "$last_change" <<<"$listed_after")
}

# A restore is announced in a call of its own, and that is a note of some seconds on the image.
forget_announcement()
{
    forget_last_change
    [ "$(notes)" = "$noted_before" ] || wrong "'$noted_before' became '$(notes)'"
}

check_fresh()
{
    has=${has%% v.img~??????=D} # what was dropped is removed later
    case $kind in
    snapshot) becomes dirty=S ;;
    volatile) becomes dirty=0 ;;
    direct) becomes clean= dirty=A ;;
    *) becomes dirty=A ;;
    esac
    marked "" "$(starter)"
}

check_fresh_edited()
{
    becomes dirty=E
    marked "" "$(starter)"
}

check_goes_on()
{
    becomes
    marked "" "$(starter)"
}

check_restored()
{
    becomes
    marked restored $OWN
}

check_committed()
{
    becomes clean=D dirty= 2=A
    unmarked
}

# The clean image has nothing on it that belongs to a run.
unmarked()
{
    local name

    for name in run hold base size save-file restore; do
        ! note "$image.img" $name >/dev/null 2>&1 || wrong "'$name' is left on the clean image"
    done
}

check_dropped()
{
    becomes dirty=
}

check_discarded()
{
    becomes dirty=
    unmarked_if_there
}

unmarked_if_there()
{
    [ ! -e "$image.img" ] || unmarked
}

check_returned()
{
    becomes clean=D dirty=
    unmarked
}

# So far nothing; then the image is closed.
check_later()
{
    check_nothing
    exec 5>&-
    settled
    look "$op"
    case $op in
    save) check_saved ;;
    end-unknown) check_kept ;;
    *) check_ended ;;
    esac
}

check_ended()
{
    case $kind in
    persistent) check_committed ;;
    direct) check_returned ;;
    *) check_dropped ;;
    esac
}

check_saved()
{
    becomes
    marked saved $OWN
}

check_kept()
{
    becomes
    marked kept ""
}

check_info()
{
    check_nothing
    says "Name:           $target"
    says "Capacity:       1.00 MiB"
}

check_noticed()
{
    settled
    look "$op"
    becomes
    case $op in
    info) says "Name:           $target" ;;
    xml) says "<name>$target</name>" ;;
    esac
}

check_own_backing()
{
    check_nothing
    says "<backingStore>"
    says "<path>$image.img</path>"
}

check_its_source()
{
    check_nothing
    says "<path>$POOL/by/source.img</path>"
}

check_no_backing()
{
    check_nothing
    says "<name>$target</name>"
    [[ $said != *backingStore* ]] || wrong "there is a <backingStore>"
}

check_cloned()
{
    becomes
    lists new/v || wrong "new/v is not listed"
    [ "$(letter_of "$POOL/new/v.img")" = "$(committed_letter)" ] || wrong "another content"
    api vol-delete new/v m >/dev/null
}

check_cloned_direct()
{
    record_of "$POOL/new/v" | grep -q "kind='direct'" || wrong "new/v is not direct"
    check_cloned
}

# record_of PATH: the record of the volume whose clean image is PATH.img; nothing without one.
record_of()
{
    [ ! -e "$1.volume.xml" ] || cat "$1.volume.xml"
}

check_labelled()
{
    case $kind:$had in
    persistent:*dirty*) becomes label=D ;;
    *) becomes "label=$(committed_letter)" ;;
    esac
    lists "$volume@label" || wrong "it is not listed"
}

# The number of the revision that the content before has now. That before an edit comes first.
revision_made()
{
    [ "$state" = edited ] && echo 3 || echo 2
}

# replaced_by LETTER
replaced_by()
{
    if [ "$state" = edited ]; then
        becomes "clean=$1" 3=E
    else
        becomes "clean=$1" 2=A
    fi
}

check_reverted()
{
    replaced_by Z
    says "$volume@$(revision_made)"
    lists "$volume@$(revision_made)" || wrong "revision $(revision_made) is not listed"
    unmarked
}

check_imported()
{
    replaced_by O
    says "$volume@$(revision_made)"
    unmarked
}

check_became()
{
    check_imported
    case $kind in
    persistent) record_of "$image" | grep -q "kind='direct'" || wrong "it is not direct" ;;
    direct) [ -z "$(record_of "$image")" ] || wrong "it is not persistent" ;;
    esac
}

check_uploaded()
{
    replaced_by U
    unmarked
}

check_downloaded()
{
    check_nothing
    [ "$(letter_of "$LAB/downloaded")" = "$(committed_letter)" ] || wrong "another content"
}

# has_size SIGN BYTES: it has another size, and libvirt says so.
has_size()
{
    case $had in
    *dirty=*) becomes "dirty=$(sed -E 's/.*dirty=(.).*/\1/' <<<"$had")$1" ;;
    *clean=E*) becomes "clean=E$1" ;;
    *clean=*) becomes "clean=A$1" ;;
    *)
        case $kind in
        snapshot) becomes precache=S+ ;; # what is ready has that size already
        *) becomes ;;
        esac
        ;;
    esac
    grep -E -q "^Capacity: +$2 bytes" <<<"$(api vol-info --bytes "$volume" m)" ||
        wrong "its capacity is not $2"
}

check_grown()
{
    has_size + 2097152
}

check_shrunk()
{
    has_size - 524288
}

check_deleted()
{
    if has_links "$state"; then
        [ -z "$has" ] && [ ! -e "$image.volume.xml" ] || wrong "left: $has"
    else
        [ -z "$(ls -A "$POOL/$op")" ] || wrong "left: $(ls -A "$POOL/$op")"
    fi
    ! lists "$volume" || wrong "it is still listed"
}

check_gone()
{
    becomes "${target#*@}="
    ! lists "$target" || wrong "it is still listed"
}

# --- The links of a pool's directory.

# link_is_right OP: it leads to the dirty image, or where there is none to the clean one.
link_is_right()
{
    local volume image target=''

    place "$1"
    [ ! -e "$image.img" ] || target=volumes/$1.img
    [ ! -e "$image-dirty.img" ] || target=volumes/$1-dirty.img
    [ "$(readlink "$POOL/$1" || true)" = "$target" ]
}

# A start and a look at the volume put it right. It never dangles, and another file stays.
check_link()
{
    if [ "$state" = foreign ]; then
        [ "$(cat "$POOL/$op")" = another ] && [ ! -L "$POOL/$op" ] || wrong "another file has changed"
        return
    fi
    [ ! -L "$POOL/$op" ] || [ -e "$POOL/$op" ] || wrong "its link dangles"
    case $op in
    start | start-other | cmd-start | info | xml | delete) link_is_right "$op" || wrong "its link is wrong" ;;
    esac
}

# After a refresh.
links_are_right()
{
    local name

    [ "$state" != foreign ] || return 0
    for name in $LINK_OPERATIONS; do
        link_is_right "$name" || die "$kind, $state, $name: the link is wrong after a refresh"
    done
    [ -z "$(find "$POOL" -maxdepth 1 -name '*~*')" ] || die "$kind, $state: a temporary is left"
}
