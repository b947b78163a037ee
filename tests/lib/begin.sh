# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# How most tests begin, in one line:
#
#     . "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" LIBRARY... [size=1G] [-- COMMAND...]
#
# sources lab.sh and these libraries (pool for pool.sh, and so on), skips the test where one of the
# commands or the file system $FS is missing, enters the laboratory, makes a file system there of that
# size, mounted at $dir, and starts libvirtd. A test that begins in another way does all that itself:
# see lab.sh.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

lab_size=1G
while [ $# -gt 0 ]; do
    case $1 in
    --)
        shift
        requires_command "$@"
        break
        ;;
    size=*) lab_size=${1#size=} ;;
    *) . "$SOURCE_DIR/tests/lib/$1.sh" ;;
    esac
    shift
done
requires_filesystem "$FS"
lab_enter "$0"
# shellcheck disable=SC2034
dir=$(lab_filesystem "$FS" "$lab_size")
lab_start_libvirtd
