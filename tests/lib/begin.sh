# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# How most tests begin, in one line:
#
#     . "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" LIBRARY... [WORD...] [-- COMMAND...]
#
# sources lab.sh and these libraries (pool for pool.sh, and so on), skips the test where one of the
# commands or the file system $FS is missing, enters the laboratory, makes a file system there, mounted
# at $dir, and starts libvirtd. $pool is $dir/qubes, which most call their pool; $fallback is the option that
# it needs where there are no reflinks. The words:
#
#     size=512M     how large the file system is, instead of 1G
#     other=xfs     a second one of that size and this kind, at $other
#     nowhere       no file system
#     later         libvirtd is not started: the test does that itself
#
# A test that begins in another way does all that itself: see lab.sh.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

lab_size=1G lab_other='' lab_later='' lab_nowhere=''
while [ $# -gt 0 ]; do
    case $1 in
    --)
        shift
        requires_command "$@"
        break
        ;;
    size=*) lab_size=${1#size=} ;;
    other=*) lab_other=${1#other=} ;;
    later) lab_later=yes ;;
    nowhere) lab_nowhere=yes ;;
    *) . "$SOURCE_DIR/tests/lib/$1.sh" ;;
    esac
    shift
done
requires_filesystem "$FS" $lab_other
# shellcheck disable=SC2034
[ "$FS" = ext4 ] && fallback="<reflink:fallback copy='yes'/>" || fallback=
lab_enter "$0"
# shellcheck disable=SC2034
if [ -z "$lab_nowhere" ]; then
    dir=$(lab_filesystem "$FS" "$lab_size")
    pool=$dir/qubes
fi
# shellcheck disable=SC2034
[ -z "$lab_other" ] || other=$(lab_filesystem "$lab_other" "$lab_size" other)
[ -n "$lab_later" ] || lab_start_libvirtd
