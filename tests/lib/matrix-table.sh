# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The cells there are, and the table of what comes of them: to be sourced after lab.sh.

# shellcheck disable=SC2034
KINDS="persistent snapshot volatile direct automatic named"
STATES="stopped started running left saved suspect below orphan uploading cloning
    unlinked misled foreign edited"
OPERATIONS="start start-other restore stop stop-other save end-unknown info xml clone clone-as label
    revert import become upload download grow shrink delete delete-named delete-all wipe create
    cmd-start cmd-stop cmd-continue cmd-discard"
# In a pool whose paths are links: what looks at the path, or at the clean image.
LINK_OPERATIONS="start start-other stop info xml clone label revert import become upload grow delete
    create cmd-start"

# has_links STATE: is the path of a volume in that state a link?
has_links()
{
    [[ $1 == @(unlinked|misled|foreign|edited) ]]
}

# can_be KIND STATE: is there a volume of that kind in that state? A revision ("automatic", "named") is
# in the state of its volume, or is itself being cloned.
can_be()
{
    case $1:$2 in
    snapshot:orphan | snapshot:uploading | snapshot:cloning) return 1 ;;
    volatile:orphan | volatile:uploading | volatile:cloning) return 1 ;;
    direct:orphan) return 1 ;;
    # The same as others, for a revision.
    automatic:started | automatic:left | automatic:suspect | automatic:below) return 1 ;;
    named:started | named:left | named:suspect | named:below) return 1 ;;
    # A direct volume has no precache, and while its image gets another name it has no link.
    persistent:unlinked | persistent:misled | persistent:foreign | persistent:edited) ;;
    direct:unlinked | direct:foreign) ;;
    *:unlinked | *:misled | *:foreign | *:edited) return 1 ;;
    esac
}

# can_have KIND OPERATION
can_have()
{
    case $1:$2 in
    snapshot:delete-* | volatile:delete-*) return 1 ;;
    automatic:delete-* | named:delete-*) return 1 ;;
    automatic:become | named:become) return 1 ;; # a revision has no kind
    # A domain cannot run on a revision: what comes after its start is tried with one operation.
    automatic:start-other | automatic:restore | automatic:stop-other) return 1 ;;
    named:start-other | named:restore | named:stop-other) return 1 ;;
    automatic:save | automatic:end-unknown | named:save | named:end-unknown) return 1 ;;
    esac
}

operations_in()
{
    ! has_links "$1" || { echo "$LINK_OPERATIONS" && return; }
    echo "$OPERATIONS"
}

generated=()
declare -A table refusals words

# generate: all cells, as "KIND STATE OPERATION".
generate()
{
    local kind state op

    for kind in $KINDS; do
        for state in $STATES; do
            can_be "$kind" "$state" || continue
            for op in $(operations_in "$state"); do
                ! can_have "$kind" "$op" || generated+=("$kind $state $op")
            done
        done
    done
}

# read_table FILE: fills the three above.
read_table()
{
    local first rest word kind='' columns=() cells i

    while read -r first rest; do
        case $first in
        '' | '#'* | state | op) ;;
        ok) words[${rest%% *}]=ok ;;
        no)
            word=${rest%% *}
            words[$word]=no
            refusals[$word]=${rest#* = }
            [[ $rest == *NAME* ]] || die "$word does not name the volume"
            ;;
        kind) read -r kind rest <<<"$rest" && read -r -a columns <<<"$rest" ;;
        *)
            read -r -a cells <<<"$rest"
            [ ${#cells[@]} = ${#columns[@]} ] || die "$kind, $first: not as many cells as states"
            for ((i = 0; i < ${#cells[@]}; i++)); do
                add_cell "$kind ${columns[i]} $first" "${cells[i]}"
            done
            ;;
        esac
    done <"$1"
}

add_cell()
{
    [ -z "${table[$1]:-}" ] || die "written twice: $1"
    [ -n "${words[${2%+lost}]:-}" ] || die "$1: what is '$2'?"
    table[$1]=$2
}

compare_with_generated()
{
    local used

    generate
    diff <(printf '%s\n' "${!table[@]}" | sort) <(printf '%s\n' "${generated[@]}" | sort) ||
        die "< is written and there is no such cell, > is a cell without an expectation"
    used=$(printf '%s\n' "${table[@]%+lost}" later committed dropped returned | sort -u)
    diff <(echo "$used") <(printf '%s\n' "${!words[@]}" | sort) || die "< has no meaning, > no use"
}
