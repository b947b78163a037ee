# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The laboratory that integration and guest tests, and quickstart, work in. A test begins with
#
#     #!/bin/bash
#     # filesystems: xfs btrfs
#     set -eu
#     . "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
#     requires_filesystem "$FS"
#     lab_enter "$0" "$@"
#     dir=$(lab_filesystem "$FS" 1G)
#     lab_start_libvirtd
#
# and ends with done_testing. Everything it makes lives in one temporary directory, $LAB, and in
# namespaces of its own: mounts (so that the private libvirtd sees /run, /etc/libvirt and
# /var/lib/libvirt of its own, and the machine's are untouched) and processes (so that nothing
# that was started outlives the test, however it ends).
set -eu

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
STAGE_DIR=$BUILD_DIR/stage
FS=${FS:-xfs}
export LC_ALL=C
unset LIBVIRT_DEFAULT_URI LIBVIRT_STORAGE_BACKEND_DIR

. "$SOURCE_DIR/tests/lib/filesystem.sh"
. "$SOURCE_DIR/tests/lib/sanitizers.sh"
. "$SOURCE_DIR/tests/lib/libvirtd.sh"

# --- What a test needs. What is missing skips it, with the reason.

skip()
{
    echo "SKIP: $*"
    exit 77
}

requires_root()
{
    [ "$(id -u)" = 0 ] || skip "needs root"
}

requires_command()
{
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || skip "needs the command $name"
    done
}

requires_filesystem()
{
    local name
    for name in "$@"; do
        requires_command "mkfs.$name"
        grep -q -w "$name" /proc/filesystems || modprobe -q "$name" ||
            skip "the kernel has no $name"
    done
}

# --- Saying what is expected, and what came.

tests_done=0
testing_is_done=no

ok()
{
    tests_done=$((tests_done + 1))
    echo "ok $tests_done - $*"
}

die()
{
    echo "FAILED: $*" >&2
    exit 1
}

# expect TEXT COMMAND...: it succeeds, and its output has TEXT in it.
expect()
{
    local text=$1 output
    shift
    output=$("$@" 2>&1) || die "$* failed: $output"
    [[ $output == *"$text"* ]] || die "$* says '$output', not '$text'"
}

# expect_not TEXT COMMAND...: it succeeds, and its output does not have TEXT in it.
expect_not()
{
    local text=$1 output
    shift
    output=$("$@" 2>&1) || die "$* failed: $output"
    [[ $output != *"$text"* ]] || die "$* says '$output', with '$text' in it"
}

# expect_exactly TEXT COMMAND...: it succeeds, and TEXT is all it says.
expect_exactly()
{
    local text=$1 output
    shift
    output=$("$@" 2>&1) || die "$* failed: $output"
    [ "$output" = "$text" ] || die "$* says '$output', not exactly '$text'"
}

# has_words WORDS: stdin says all of them, which are extended regular expressions with " & " in between, in
# any order, in upper or lower case. The prose of a message can change: what a test asks for is what it is
# about, and one word of docs/glossary.md that tells it from other messages.
has_words()
{
    local text word words=$1

    text=$(cat)
    while [ -n "$words" ]; do
        word=${words%%" & "*}
        words=${words:$((${#word} + 3))}
        grep -E -i -q -e "$word" <<<"$text" || return 1
    done
}

# fails_with WORDS COMMAND...: it fails, and its stderr has them, as has_words says.
fails_with()
{
    local words=$1 output
    shift
    ! output=$("$@" 2>&1 >/dev/null) || die "$* succeeded, and was to fail with /$words/"
    has_words "$words" <<<"$output" || die "$* failed with '$output', not with /$words/"
}

# eventually SECONDS COMMAND...: it succeeds within that time. For what a worker does later.
eventually()
{
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || die "still not so: $*"
        sleep 0.1
    done
}

# tool ARGUMENT...: the product's command; many tests say their own way.
tool()
{
    "$STAGE_DIR/bin/virt-reflink" "$@"
}

done_testing()
{
    echo "1..$tests_done"
    testing_is_done=yes
}

# --- The laboratory itself.

cleanup_commands=()

# cleanup_fn COMMAND...: runs when the test ends, the last registered first.
cleanup_fn()
{
    cleanup_commands+=("$(printf '%q ' "$@")")
}

# lab_enter SCRIPT ARGUMENT...: runs the script again inside of namespaces of its own.
lab_enter()
{
    if [ -z "${LAB_ENTERED:-}" ]; then
        requires_root
        requires_command unshare losetup mountpoint
        LAB=$(mktemp -d "${TMPDIR:-/tmp}/libvirt-reflink.XXXXXX")
        chmod 755 "$LAB"
        export LAB LAB_ENTERED=1
        exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
            -- bash "$@"
    fi
    unset LAB_ENTERED
    # lab_leave kills all processes of the namespace: be sure that it is ours.
    [ $$ -eq 1 ] || die "not in a process namespace of its own"
    trap lab_leave EXIT
    trap 'exit 130' INT TERM HUP
    set -E
    trap report_failure ERR
    sanitizers_begin
}

# A command that was not expected to fail did: which, and how the test came there.
report_failure()
{
    local failed=$BASH_COMMAND i

    echo "FAILED: $failed" >&2
    for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
        echo "  in ${FUNCNAME[i]}, ${BASH_SOURCE[i]##*/} line ${BASH_LINENO[i - 1]}" >&2
    done
}

lab_leave()
{
    local status=$? i directory

    trap - EXIT ERR
    trap '' INT TERM HUP PIPE
    set +eE
    if [ $status = 0 ] && [ $testing_is_done = no ]; then
        echo "FAILED: the test ended before done_testing" >&2
        status=1
    fi
    case $status in
    0 | 77 | 130) ;; # passed, skipped, interrupted
    *)
        echo "--- the end of libvirtd's log:" >&2
        tail -n 25 "$LAB/libvirtd.log" >&2
        ;;
    esac
    for ((i = ${#cleanup_commands[@]} - 1; i >= 0; i--)); do
        eval "${cleanup_commands[i]}"
    done
    lab_stop_domains
    lab_stop_libvirtd
    kill_everybody
    if ! no_sanitizer_reports; then
        echo "FAILED: a sanitizer has something to report" >&2
        status=1
    fi
    for directory in $(lab_mounts); do
        unmount_filesystem "$directory"
    done
    # Never through a mount: of a directory of this machine that is bound there all files would go.
    if lab_is_mounted; then
        echo "FAILED: a file system is still mounted below $LAB, which is left" >&2
        exit 1
    fi
    rm -rf --one-file-system "$LAB"
    exit $status
}

# With nothing but Bash: it says the truth where a program that lab_mounts needs is missing, too.
lab_is_mounted()
{
    local where

    while read -r _ _ _ _ where _; do
        [[ $where != "$LAB"/* ]] || return 0
    done </proc/self/mountinfo
    return 1
}

# All that is left in our process namespace: guests, detached workers.
kill_everybody()
{
    [ $$ -eq 1 ] || return 0
    kill -KILL -1 2>/dev/null || true
    wait 2>/dev/null || true
}

# lab_filesystem FS SIZE [NAME]: a new file system, mounted at $LAB/NAME; prints that path.
lab_filesystem()
{
    local name=${3:-fs}

    make_filesystem "$1" "$LAB/$name.img" "$2"
    mount_filesystem "$LAB/$name.img" "$LAB/$name"
    echo "$LAB/$name"
}

lab_mounts()
{
    findmnt --raw --noheadings --output TARGET | awk -v lab="$LAB/" 'index($0, lab) == 1' | sort -r
}

# lab_power_cut [NAME]: the machine crashes now. What the file system had written to its disk by
# now is all that is left of it; processes, their unwritten data and /run are gone. Then the
# file system is mounted again at the same place; lab_start_libvirtd "boots" libvirt.
lab_power_cut()
{
    local name=${1:-fs}

    cp --sparse=always "$LAB/$name.img" "$LAB/$name.cut"
    kill_everybody
    LIBVIRTD_PID=
    unmount_filesystem "$LAB/$name"
    mv "$LAB/$name.cut" "$LAB/$name.img"
    # btrfs remembers devices by the identity that the copy has as well.
    ! command -v btrfs >/dev/null || btrfs device scan --forget >/dev/null 2>&1 || true
    mount_filesystem "$LAB/$name.img" "$LAB/$name"
    ! mountpoint -q /run || find /run -mindepth 1 -delete
}
