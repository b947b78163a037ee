#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# "qemu-nbd --socket=PATH" removes what lies at PATH before it binds its socket there: also a regular file, without a
# word. bind(2) itself refuses a name that is there (EADDRINUSE), and one expects that, or that at most a socket of an
# earlier server is removed. A socket that is handed over (sd_listen_fds(3)) is the way to keep the file.
#
# It needs no root.
set -eu
packages=(qemu-utils=1:7.2+dfsg-7+deb12u18+b3)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
qemu_nbd=$work/root/usr/bin/qemu-nbd
"$qemu_nbd" --version | head -n 1

truncate -s 1M image
echo "years of work" >file
! python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind("file")' 2>bind || exit 1
echo "  bind: $(tail -n 1 bind)"
grep -q "Address already in use" bind
[ "$(cat file)" = "years of work" ]

"$qemu_nbd" --read-only --format=raw --persistent --socket="$work/file" image 2>said &
server=$!
for _ in $(seq 100); do
    [ ! -S file ] || break
    sleep 0.1
done
echo "  qemu-nbd: the file is now a $(stat -c %F file), and it said '$(cat said)'"
[ -S file ] && [ ! -s said ]
