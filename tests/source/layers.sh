#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The folders include what they may (layers), and the check finds one include that is put the wrong way.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/layers"

mkdir "$work/tree"
cp -r "$here"/../../{common,xml,backend} "$work/tree"

# finds FILE LINE: a copy of the tree with that line in that file is refused, and the file named.
finds()
{
    cp "$work/tree/$1" "$work/before"
    echo "$2" >>"$work/tree/$1"
    if "$here/layers" "$work/tree" >"$work/said"; then
        echo "$2 in $1 was not found" >&2
        exit 1
    fi
    grep -q -F "$1:" "$work/said"
    cp "$work/before" "$work/tree/$1"
}

finds common/fs/reflink.c '#include "xml/parser.h"'
finds common/fs/reflink.h '#include <libxml/parser.h>'
finds common/fs/reflink.c '#include <libvirt/libvirt.h>'
finds common/fs/reflink.c '#include "backend/libvirt/pool-registry.h"'
finds common/base/error.c '#include "common/fs/reflink.h"'
finds common/fs/reflink.c '#include "common/format/image-mark.h"'
finds common/format/image-mark.c '#include "common/pool/volume.h"'
finds common/pool/volume.c '#include "common/image/temporary-files.h"'
finds common/image/temporary-files.c '#include "common/operation/stop.h"'
finds xml/parser.c '#include "common/operation/stop.h"'
finds xml/parser.c '#include "backend/libvirt/pool-registry.h"'
finds xml/parser.c '#include <libvirt/libvirt.h>'
finds backend/hook/main.c '#include "backend/module/module.h"'
finds backend/hook/main.c '#include "virerror.h"'
finds backend/hook/main.c '#include "backend/launcher/program.h"'
finds backend/launcher/main.c '#include "common/base/error.h"'
finds backend/launcher/main.c '#include <glib.h>'
finds backend/command/main.c '#include "backend/hook/hook.h"'
finds backend/module/pool.c '#include "backend/hook/hook.h"'
finds backend/module/pool.c '#include "backend/shim/build-id.h"'
finds backend/shim/shim.c '#include "backend/module/module.h"'
finds xml/parser.c '#include "common/fs/no-such-file.h"'
echo "22 wrong includes found"
