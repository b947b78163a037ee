# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Other libvirts for $machine: its packages with another version, and those of the suite's backports. To be sourced
# after machine.sh.

# The packages of libvirt's source that are installed, each as PACKAGE=VERSION.
libvirt_packages()
{
    in_machine dpkg-query -W -f='${source:Package} ${db:Status-Status} ${binary:Package}=${Version}\n' |
        awk '$1 == "libvirt" && $2 == "installed" { print $3 }'
}

# libvirt_fetch: those that are in use now, for libvirt_make and for the way back.
libvirt_fetch()
{
    local package

    mkdir -p "$machine/tmp/libvirt" "$LAB/libvirt"
    mapfile -t libvirt_before < <(libvirt_packages)
    apt update >/dev/null
    in_machine sh -c "cd /tmp/libvirt && apt-get -q download ${libvirt_before[*]}" >/dev/null 2>&1 ||
        die "libvirt's packages cannot be fetched"
    for package in "$machine"/tmp/libvirt/*.deb; do
        dpkg-deb --raw-extract "$package" "$LAB/libvirt/$(basename "$package" .deb)"
    done
}

# Another build is another build-id. The file stays what it is.
change_build_id()
{
    python3 - "$1" "$(readelf --notes "$1" | sed -n 's/.*Build ID: //p')" "$2" <<'PYTHON'
import sys

path, before, seed = sys.argv[1], bytes.fromhex(sys.argv[2]), sys.argv[3]
after = bytes((byte + ord(seed)) % 256 for byte in before)
with open(path, "r+b") as file:
    content = file.read()
    assert content.count(before) == 1
    file.seek(content.index(before))
    file.write(after)
PYTHON
}

# libvirt_make SUFFIX [LETTER]: makes /tmp/libvirtSUFFIX/*.deb, the packages as fetched with that behind their
# version; with LETTER, of another build.
libvirt_make()
{
    local version=${libvirt_before[0]#*=} tree file

    mkdir "$machine/tmp/libvirt$1"
    for tree in "$LAB"/libvirt/*/; do
        cp -a "$tree" "$LAB/tree"
        sed -i "s/\([= ]\)$version\()\|\$\)/\1$version$1\2/g" "$LAB/tree/DEBIAN/control"
        for file in "$LAB"/tree/usr/lib/*/{libvirt.so.0.*,libvirt/connection-driver/libvirt_driver_storage.so}; do
            [ ! -f "$file" ] || [ -L "$file" ] || [ -z "${2:-}" ] || change_build_id "$file" "$2"
        done
        dpkg-deb --root-owner-group -Znone --build "$LAB/tree" "$machine/tmp/libvirt$1" >/dev/null
        rm -r "$LAB/tree"
    done
}

# libvirt_backport: makes apt know the suite's backports. False where these have no other libvirt.
libvirt_backport()
{
    sed -n "s/^\(deb .*\) $SUITE main.*/\1 $SUITE-backports main/p" "$machine/etc/apt/sources.list" \
        >"$machine/etc/apt/sources.list.d/backports.list"
    apt update >/dev/null || return
    libvirt_backported=$(in_machine apt-cache madison libvirt0 | awk -v suite="$SUITE-backports/" \
        'index($0, suite) { print $3; exit }')
    [ -n "$libvirt_backported" ]
}
