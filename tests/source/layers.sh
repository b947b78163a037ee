#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The folders include what they may (layers), and the check finds one include that is put the wrong way.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/layers"

# finds FILE LINE: a copy of the tree with that line in that file is refused, and the file named.
finds()
{
    rm -rf "$work/tree"
    mkdir "$work/tree"
    cp -r "$here"/../../{common,xml,backend} "$work/tree"
    echo "$2" >>"$work/tree/$1"
    if "$here/layers" "$work/tree" >"$work/said"; then
        echo "$2 in $1 was not found" >&2
        exit 1
    fi
    grep -q -F "$1:" "$work/said"
}

finds common/clone.c '#include "xml/parse.h"'
finds common/clone.h '#include <libxml/parser.h>'
finds common/clone.c '#include <libvirt/libvirt.h>'
finds common/clone.c '#include "backend/pools.h"'
finds xml/parse.c '#include "backend/pools.h"'
finds xml/parse.c '#include <libvirt/libvirt.h>'
finds backend/hook/main.c '#include "backend/module/module.h"'
finds backend/hook/main.c '#include "virerror.h"'
finds backend/command/main.c '#include "backend/hook/events.h"'
finds backend/module/pool.c '#include "backend/hook/events.h"'
finds backend/shim.c '#include "backend/module/module.h"'
finds xml/parse.c '#include "common/no-such-file.h"'
echo "12 wrong includes found"
