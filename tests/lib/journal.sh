# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A journal of the laboratory's own, which writes what it is told to $LAB/journal, one line each:
# identifier, priority, message; and to $LAB/events what programs ask for, of those that are events: event,
# volume, revision, domain. To be sourced after lab.sh; needs python3.

# journal_begin: /run is the laboratory's by now. Each datagram is lines KEY=VALUE.
journal_begin()
{
    mkdir -p /run/systemd/journal
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
while True:
    fields = dict(l.split("=", 1) for l in s.recv(65536).decode().splitlines() if "=" in l)
    if "REFLINK_EVENT" in fields:
        names = ("REFLINK_EVENT", "REFLINK_VOLUME", "REFLINK_REVISION", "DOMAIN", "REFLINK_POOL")
        print(*[fields.get(name, "-") for name in names], file=open(sys.argv[1], "a"))
    print(fields["SYSLOG_IDENTIFIER"], fields["PRIORITY"], fields["MESSAGE"], flush=True)' \
        "$LAB/events" >>"$LAB/journal" &
    disown # its end is no news
    eventually 10 test -S /run/systemd/journal/socket
}

# details_begin, details_end: lines of the priority debug are written, and no longer.
details_begin()
{
    mkdir -p -m 700 /run/libvirt-reflink
    : >/run/libvirt-reflink/debug
}

details_end()
{
    rm /run/libvirt-reflink/debug
}

# journald_begin: systemd's journal in its place, as "virt-reflink log" reads it. It keeps all in /run, which is the
# laboratory's.
journald_begin()
{
    mkdir -p /run/systemd/journal /run/systemd/journald.conf.d
    printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\n' \
        >/run/systemd/journald.conf.d/laboratory.conf
    /lib/systemd/systemd-journald >/dev/null 2>&1 &
    disown
    eventually 10 test -S /run/systemd/journal/socket
}
