#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Each operation on each kind of volume in each state has the outcome that is written in matrix.txt.
# MATRIX_ONLY="KIND STATE OP" (extended regular expression) runs only the cells that match; MATRIX_ONLY_XFS and
# MATRIX_ONLY_BTRFS are for one of the file systems.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
for part in pool kinds matrix-states matrix-table matrix-operations matrix-checks; do
    . "$SOURCE_DIR/tests/lib/$part.sh"
done
requires_filesystem "$FS"
requires_command stdbuf setfattr
lab_enter "$0" "$@"
only_here=MATRIX_ONLY_${FS^^}
MATRIX_ONLY=${!only_here-${MATRIX_ONLY-}}

read_table "$SOURCE_DIR/tests/integration/matrix.txt"
compare_with_generated
ok "each cell has an outcome written down, and each outcome that is written has a cell"

diff "$SOURCE_DIR/docs/states.md" <("$SOURCE_DIR/tests/lib/matrix-doc" \
    "$SOURCE_DIR/tests/integration/matrix.txt") ||
    die "docs/states.md was not made of matrix.txt: run tests/lib/matrix-doc"
ok "docs/states.md says the same"

dir=$(lab_filesystem "$FS" 1G)
lab_filesystem "$FS" 512M other >/dev/null
lab_start_libvirtd "LD_PRELOAD=$BUILD_DIR/tests/slow-copy.so" "SLOW_COPY=$LAB/slow"
export LIBVIRT_DEFAULT_URI=qemu:///system
reflink_pool away "$LAB/other/away"
make_contents
api_begin
cells_done=0

# The cell's outcome is the written one; nothing else in the pool has changed; the daemon lives. No
# domain has been started on the volume of another cell.
run_cell()
{
    local outcome=$1 word
    op=$2
    place "$op"
    case $kind in
    automatic) target=$volume@1 ;;
    named) target=$volume@keep ;;
    *) target=$volume ;;
    esac
    said=
    rm -f /run/libvirt-reflink/{started,refused,run,unmarked}-*
    initial "$op"
    change
    look "$op"
    [ "$has" = "$had" ] || wrong "it has '$has' before, not '$had'"

    enter_cell
    listed_before=$(listing_of_pool)
    [ "$op" != restore ] || noted_before=$(notes)
    attempt "operation_${op//-/_}"
    [ "$outcome" = later ] || settled
    listed_after=$(listing_of_pool)
    look "$op"
    only_this_changed
    word=${outcome%+lost}
    case $word in
    !*) check_refused "$word" ;;
    *)
        [ "$status" = 0 ] || wrong "it failed"
        "check_${word//-/_}"
        ;;
    esac
    leave_cell "$outcome"
    ! has_links "$state" || check_link
    [[ $(api vol-info by/stander m) == *1.00\ MiB* ]] || wrong "the daemon does not know by/stander"
    cells_done=$((cells_done + 1))
}

check_refused()
{
    local words=${refusals[$1]//NAME/$volume}

    [ "$status" != 0 ] || wrong "it was to be refused"
    has_words "$words" <<<"$said" || wrong "that is not $1, /$words/"
    check_nothing
}

only_this_changed()
{
    local mine="^($op|new)/"
    ! has_links "$state" || mine="^(volumes/$op(-dirty|-precache)?\\.|new/)"

    [ "$listed_before" != "$listed_after" ] || return 0
    diff <(grep -E -v "$mine" <<<"$listed_before") <(grep -E -v "$mine" <<<"$listed_after") ||
        wrong "it changed other volumes"
}

# run_batch KIND STATE
run_batch()
{
    local key chosen=() op volume image target had has said status listed_before listed_after
    local noted_before

    for key in "${generated[@]}"; do
        [[ $key == "$1 $2 "* && $key =~ ${MATRIX_ONLY:-.} ]] && chosen+=("${key##* }")
    done
    [ ${#chosen[@]} -gt 0 ] || return 0
    begin_batch "$1" "$2" "${chosen[@]}"
    for op in "${chosen[@]}"; do
        run_cell "${table["$1 $2 $op"]}" "$op"
    done
    op=end
    [ "$(letter_of "$POOL/by/stander.img") $(letter_of "$POOL/by/source.img")" = "O S" ] ||
        die "$1, $2: other volumes have another content"
    end_batch
}

for kind in $KINDS; do
    before=$cells_done
    for state in $STATES; do
        run_batch "$kind" "$state"
    done
    ok "$kind: $((cells_done - before)) cells"
done
[ -n "${MATRIX_ONLY:-}" ] || [ "$cells_done" = "${#generated[@]}" ] ||
    die "$cells_done cells were run of ${#generated[@]}"
echo "# $cells_done cells"
done_testing
