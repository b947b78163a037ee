# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# Volumes of the pool at $pool in states that need no guest: to be sourced after lab.sh and pool.sh.
# A domain is whoever has the dirty image open for writing; here that is descriptor 6.

# random_file FILE SIZE
random_file()
{
    head -c "$2" /dev/urandom >"$1"
}

# image VOLUME [ENDING]: the path of its clean image, or of another of its files.
image()
{
    case $1 in
    */*) echo "$pool/$1${2:-.img}" ;;
    *) echo "$pool/volumes/$1${2:-.img}" ;;
    esac
}

# start_volume VOLUME: it is started, and somebody has it open.
start_volume()
{
    "$STAGE_DIR/bin/virt-reflink" start "$pool" "$1" >/dev/null
    exec 6<>"$(image "$1" -dirty.img)"
}

# leave_volume VOLUME: its domain is gone, and nobody has stopped it.
leave_volume()
{
    exec 6>&-
    local file run

    file=$(image "$1" -dirty.img)
    run=$(getfattr --only-values --absolute-names -n trusted.libvirt-reflink.run "$file")
    # Of another boot of the host.
    setfattr -n trusted.libvirt-reflink.run -v "$(sed 's/^boot=.*/boot=another/' <<<"$run")"$'\nnoted='$(date +%s%6N)$'\n' "$file"
}

# hold_volume VOLUME saved|suspect: as the hook leaves it.
hold_volume()
{
    exec 6>&-
    setfattr -n trusted.libvirt-reflink.hold -v "$2" "$(image "$1" -dirty.img)"
}

# stop_volume VOLUME: commits or drops, as its kind asks for.
stop_volume()
{
    exec 6>&-
    "$STAGE_DIR/bin/virt-reflink" stop "$pool" "$1" >/dev/null
}

# discard_volume VOLUME: whatever its state, the dirty image goes.
discard_volume()
{
    exec 6>&-
    "$STAGE_DIR/bin/virt-reflink" discard "$pool" "$1" >/dev/null
}

# holds NAME FILE [BYTES]: a download of the volume or revision of the pool "qubes" brings what is in
# the file.
holds()
{
    virsh vol-download "$1" "$LAB/downloaded" --pool qubes
    cmp ${3:+-n "$3"} "$LAB/downloaded" "$2" || die "$1 does not hold $2"
}

# has_drafts NUMBER: so many files without a name the daemon has open in the pool.
has_drafts()
{
    [ "$(drafts)" = "$1" ]
}

drafts()
{
    find "/proc/$LIBVIRTD_PID/fd" -lname "$pool/*(deleted)" | wc -l
}

# What was dropped has such a name until a thread of the daemon's has removed it.
has_no_temporaries()
{
    [ -z "$(find "$pool" -name '*~*')" ]
}

# free_bytes DIRECTORY: of its file system.
free_bytes()
{
    sync -f "$1"
    df -B1 --output=avail "$1" | tail -n 1 | tr -d ' '
}

# nothing_left VOLUME...: no draft, no temporary name, no second link of the clean images.
nothing_left()
{
    local volume

    eventually 10 has_drafts 0
    eventually 10 has_no_temporaries
    for volume in "$@"; do
        [ "$(stat -c %h "$(image "$volume")")" = 1 ] || die "$volume's clean image has two names"
    done
}

# lines REGEX COMMAND...: how many lines of its output match.
lines()
{
    local regex=$1
    shift
    "$@" | grep -c -E -e "$regex" || true
}

# field NAME COMMAND...: what "NAME: ..." is in its output, with no "bytes" behind it.
field()
{
    local name=$1
    shift
    "$@" | sed -n "s/ bytes\$//; s/^$name: *//p"
}
