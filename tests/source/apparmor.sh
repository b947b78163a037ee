#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The rules for AppArmor are what its parser takes, and allow what the code does that Debian's profile for
# libvirtd does not. The kernel is not asked: it need not have AppArmor.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rules=$top/packaging/apparmor/usr.sbin.libvirtd
command -v apparmor_parser >/dev/null || {
    echo "SKIP: needs the command apparmor_parser (package apparmor)"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf 'profile libvirtd /usr/sbin/libvirtd flags=(attach_disconnected) {\n#include "%s"\n}\n' "$rules" \
    >"$work/profile"
apparmor_parser --skip-kernel-load --skip-cache --debug "$work/profile" >"$work/parsed" 2>"$work/said" || {
    cat "$work/said" >&2
    exit 1
}

# allows CODE RULE: if the code that libvirtd loads has CODE, the parsed rules have RULE.
allows()
{
    grep -r -q -F -e "$1" "$top/common" "$top/backend/module" || return 0
    grep -q -E -e "$2" "$work/parsed" || {
        echo "the code has '$1', and no rule is '$2'" >&2
        exit 1
    }
}

allows F_SETLEASE '^Capabilities:.* lease( |$)'
allows '"/proc/%s/exe"' '^ptrace \(read \),'

# Nothing that it has no rule for: a mount that is attached somewhere.
for call in 'move_mount(' ' mount(' 'umount2(' 'pivot_root('; do
    ! grep -r -n -F --include='*.c' -e "$call" "$top/common" "$top/backend/module" || {
        echo "there is no rule for $call" >&2
        exit 1
    }
done
