#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/packages/rpm.sh: the RPM packages, as far as Debian's tools go: built, looked at by rpmlint, installed into
# an empty root, verified, upgraded, erased. Their scripts are read by a shell and not run: what they want to restart
# is not there.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
requires_root
requires_command rpmbuild rpm rpmlint pkg-config
lab_enter "$0"
root=$LAB/root
packages=$LAB/packages

in_root()
{
    rpm --root "$root" "$@"
}

install_packages()
{
    # Debian's rpm wants to be asked twice.
    in_root -U --force-debian --nodeps --noscripts --notriggers "$@"
}

# All files of ours; the database of RPM is beside them.
files()
{
    find "$root" \( -name '*reflink*' -o -path '*reflink/*' \) ! -type d
}

story_build()
{
    "$SOURCE_DIR/packaging/build-rpm" "$packages" >"$LAB/build.log" 2>&1 ||
        die "build-rpm failed: $(tail -n 20 "$LAB/build.log")"
    expect "0 errors, 0 warnings" cat "$LAB/build.log"
    ok "packages are built, and rpmlint has nothing to say"
}

story_install()
{
    mkdir -p "$root"
    install_packages "$packages"/libvirt-reflink-[0-9]*.x86_64.rpm "$packages"/strict/*.rpm
    in_root -V --nodeps libvirt-reflink libvirt-reflink-module
    for driver in qemu libxl; do
        [ "$(realpath -e "$root/etc/libvirt/hooks/$driver.d/50-reflink")" = "$root/usr/sbin/libvirt-reflink-hook" ] ||
            die "the hook of $driver leads to no program"
    done
    module=$(find "$root" -name reflink.so)
    [ -f "$(dirname "$module")/../storage-backend/libvirt_storage_backend_fs.so" ] ||
        die "the shim does not find the module from where it is"
    grep -q "^Environment=LIBVIRT_STORAGE_BACKEND_DIR=$(cd "$(dirname "$module")/../storage-backend" && pwd |
        sed "s|^$root||")$" "$root"/usr/lib/systemd/system/virtstoraged.service.d/50-libvirt-reflink.conf ||
        die "the drop-in does not name the folder of the shim"
    expect "reflink" "$root/usr/bin/virt-reflink" --version
    ok "installed: hook, shim and module find each other"
}

# What is required is checked by RPM itself, where it knows the packages.
story_either_module()
{
    expect "(libvirt-reflink-module-source = " rpm --root "$root" -q --requires libvirt-reflink
    expect " or libvirt-reflink-module(" rpm --root "$root" -q --requires libvirt-reflink
    expect_exactly "libvirt-reflink-module" rpm -qp --conflicts "$packages"/libvirt-reflink-module-source-*.rpm
    expect_exactly "libvirt-reflink-module-source" rpm --root "$root" -q --conflicts libvirt-reflink-module
    ok "one of two modules is required, and never both"
}

story_scripts()
{
    local package
    for package in libvirt-reflink libvirt-reflink-module; do
        in_root -q --scripts --triggers --filetriggers "$package" |
            sed -E '/^(pre|post|trans|file|trigger|fire)[a-z]* .*:$|^[a-z]*(un)?install script|^transfiletrigger/d' |
            sh -n || die "the scripts of $package cannot be read by a shell"
    done
    ok "their scripts are a shell's"
}

# Its code is run by tests/qubes; here it is only to be found, as qubesd finds it.
story_qubes()
{
    local site

    install_packages "$packages"/qubes/libvirt-reflink-qubes-*.noarch.rpm
    in_root -V --nodeps libvirt-reflink-qubes
    site=$(dirname "$(find "$root" -name 'libvirt_reflink_qubes-*.dist-info')")
    expect_exactly "libvirt-reflink = libvirt_reflink_qubes:ReflinkPool" /usr/bin/python3 -c \
        'import importlib.metadata as m, sys
[d] = m.distributions(path=sys.argv[1:])
[print(p.name, "=", p.value) for p in d.entry_points if p.group == "qubes.storage"]' "$site"
    /usr/bin/python3 -c 'import ast, pathlib, sys
[ast.parse(f.read_bytes()) for f in pathlib.Path(sys.argv[1]).glob("*.py")] or sys.exit(1)' "$site/libvirt_reflink_qubes"
    in_root -e --force-debian --nodeps --noscripts --notriggers libvirt-reflink-qubes
    [ ! -e "$site/libvirt_reflink_qubes" ] || die "erased, the package for qubesd leaves its modules"
    ok "qubesd finds the storage driver of its package"
}

story_erase()
{
    in_root -e --force-debian --nodeps --noscripts --notriggers libvirt-reflink libvirt-reflink-module
    [ -z "$(files)" ] || die "erased packages leave $(files)"
    ok "erased, nothing is left of them"
}

story_build
story_install
story_either_module
story_scripts
story_qubes
story_erase
done_testing
