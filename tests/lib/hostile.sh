# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# For tests with a hostile pool directory: to be sourced after lab.sh, pool.sh and states.sh.
#
#     sentinel_make DIRECTORY   a tree outside of the pool, $SENTINEL, for links to lead to
#     sentinel_note             as it is now is how it has to stay: listing, dates, attributes, content
#     sentinel_unchanged        it is
#     watch_daemon              call it before lab_start_libvirtd: strace looks at all that the daemon
#                               and its children do to names and files
#     watched COMMAND...        the same for a command
#     watch_is_clean            nothing was opened for writing, made, renamed or removed but in the pool
#                               at $pool and in the daemon's own places, and no device was opened

WATCHED_CALLS=open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat
WATCHED_CALLS+=,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat,truncate,chmod,fchmodat,chown,lchown
WATCHED_CALLS+=,fchownat,setxattr,lsetxattr,removexattr,lremovexattr,utimensat

sentinel_make()
{
    SENTINEL=$1
    mkdir -p "$SENTINEL/directory/below"
    random_file "$SENTINEL/secret" 64K
    random_file "$SENTINEL/linked" 64K
    random_file "$SENTINEL/directory/disk.img" 64K
    random_file "$SENTINEL/directory/disk-dirty.img" 64K
    random_file "$SENTINEL/directory/below/disk.img" 64K
    # The daemon's and the pool's directory differ from it in nothing that would protect it.
    find "$SENTINEL" -type d -exec chmod 777 {} +
    find "$SENTINEL" -type f -exec chmod 666 {} +
    sentinel_note
}

sentinel_state()
{
    find "$SENTINEL" ! -name linked -printf '%P %y %i %n %m %U %G %s %T@ %C@\n' | LC_ALL=C sort
    find "$SENTINEL" -type f -exec sha256sum {} + | LC_ALL=C sort
    find "$SENTINEL" ! -name linked -exec getfattr --absolute-names -d -m - {} +
    # A hard link makes it a file of the pool, which may get attributes of ours and other names.
    stat -c '%n %i %a %u %g %s %y' "$SENTINEL/linked"
}

sentinel_note()
{
    sentinel_state >"$LAB/sentinel"
}

sentinel_unchanged()
{
    local difference

    difference=$(diff "$LAB/sentinel" <(sentinel_state)) || die "outside of the pool: $difference"
}

watch_daemon()
{
    mkdir -p "$LAB/bin"
    # A strace that is a child of the daemon (-D): only so are all other calls as fast as ever.
    cat >"$LAB/bin/libvirtd" <<-END
	#!/bin/sh
	exec strace -D -f --seccomp-bpf -yy -qq -o $LAB/trace.daemon -e trace=$WATCHED_CALLS \\
	    $(command -v libvirtd) "\$@"
	END
    chmod +x "$LAB/bin/libvirtd"
    PATH=$LAB/bin:$PATH
}

watched_number=0

# Who keeps the images of a run open for minutes (common/image/lost-write-witness.h) is not waited for.
watched()
{
    watched_number=$((watched_number + 1))
    strace -f --seccomp-bpf -yy -qq -o "$LAB/trace.$watched_number.$BASHPID" \
        -e trace="$WATCHED_CALLS" bash -c '"$@"; status=$?; pkill -x reflink-witness; exit $status' - "$@"
}

watch_is_clean()
{
    local output

    output=$(cat "$LAB"/trace.* | "$SOURCE_DIR/tests/lib/watch-writes" "$pool" "$@") ||
        die "outside of the pool: $output"
    echo "# $output"
}

# foreign KIND PATH: puts something of that kind there which is no file of ours.
foreign()
{
    case $1 in
    link) ln -s "$SENTINEL/secret" "$2" ;;
    link-to-directory) ln -s "$SENTINEL/directory" "$2" ;;
    link-to-nothing) ln -s "$SENTINEL/new" "$2" ;;
    hard-link) ln "$SENTINEL/linked" "$2" ;;
    fifo) mkfifo "$2" ;;
    # Numbers that no driver has: to open them is an error of its own, ENXIO, which the watch sees.
    character-device) mknod "$2" c 60 0 ;;
    block-device) mknod "$2" b 60 0 ;;
    socket) perl -MIO::Socket::UNIX -e 'chdir $ARGV[0];
        IO::Socket::UNIX->new(Local => $ARGV[1], Listen => 1) or die' "${2%/*}" "${2##*/}" ;;
    directory) mkdir "$2" ;;
    *) die "no such kind: $1" ;;
    esac
}

# shellcheck disable=SC2034
FOREIGN_KINDS='link link-to-directory link-to-nothing hard-link fifo character-device block-device
    socket directory'
