# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Fresh systems of a Debian suite, each an archive: one to build packages in, one to install them in. They are
# kept in the cache for a day, together, so that both have the same libvirt.

roots_cache=${LIBVIRT_REFLINK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}}/libvirt-reflink/packages

# What a machine with libvirt has, and what makes a file system for the pool.
run_packages=libvirt-daemon-system,libvirt-clients,qemu-system-x86,apparmor,xfsprogs

# What debian/control wants for a build, and build-deb itself.
build_packages()
{
    sed -n '/^Build-Depends:/,/^[A-Z]/s/^ \([a-z0-9.-]*\).*/\1/p' "$SOURCE_DIR/packaging/debian/control" |
        sed "s/^debhelper-compat$/debhelper/; /^libvirt-daemon-driver-storage$/d; s/^pkgconf$/pkg-config/" |
        tr '\n' ,
    echo "build-essential,ca-certificates,lintian,xz-utils,libvirt-daemon-system"
}

# make_root SUITE NAME PACKAGES: the archive SUITE-NAME.tar.
make_root()
{
    nice mmdebstrap --quiet --variant=apt --aptopt='APT::Install-Recommends "false"' --include="$3" \
        "$1" "$roots_cache/$1-$2.new.tar" >"$roots_cache/$1-$2.log" 2>&1 ||
        skip "mmdebstrap makes no system of $1: $(tail -n 1 "$roots_cache/$1-$2.log")"
}

# need_roots SUITE
need_roots()
{
    local suite=$1

    requires_command mmdebstrap
    mkdir -p "$roots_cache"
    exec {roots_lock}>"$roots_cache/$suite.lock"
    flock "$roots_lock"
    [ -z "$(find "$roots_cache" -name "$suite-build.tar" -mmin -1440)" ] || return 0
    rm -f "$roots_cache/$suite"-*.tar
    make_root "$suite" run "$run_packages"
    make_root "$suite" build "$(build_packages)"
    mv "$roots_cache/$suite-run.new.tar" "$roots_cache/$suite-run.tar"
    mv "$roots_cache/$suite-build.new.tar" "$roots_cache/$suite-build.tar"
}

# open_root SUITE NAME DIRECTORY: unpacks it to $LAB/DIRECTORY, with what a running system has.
open_root()
{
    local root=$LAB/$3 directory

    mkdir "$root"
    tar -C "$root" --xattrs -xf "$roots_cache/$1-$2.tar"
    for directory in dev sys; do
        mount --rbind "/$directory" "$root/$directory"
    done
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 libvirt-reflink "$root/run"
    mkdir -p "$root/run/lock" "$root/run/libvirt"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# build_packages_of SUITE: puts the packages into $LAB/packages, and, if that is set, into KEEP_PACKAGES as well.
build_packages_of()
{
    open_root "$1" build builder
    mkdir -p "$LAB/builder/source" "$LAB/builder/cache/libvirt-reflink" "$LAB/packages"
    mount --bind "${roots_cache%/*}" "$LAB/builder/cache/libvirt-reflink"
    # What git knows or would add.
    git -C "$SOURCE_DIR" ls-files -z --cached --others --exclude-standard |
        tar -C "$SOURCE_DIR" --null --files-from=- --ignore-failed-read -c | tar -C "$LAB/builder/source" -x
    nice chroot "$LAB/builder" env HOME=/root LIBVIRT_REFLINK_CACHE=/cache SOURCE_DATE_EPOCH="$(date +%s)" /source/packaging/build-deb /packages \
        >"$LAB/build.log" 2>&1 || {
        tail -n 30 "$LAB/build.log" >&2
        die "build-deb fails on $1"
    }
    cp -r "$LAB/builder/packages"/. "$LAB/packages"
    [ -z "${KEEP_PACKAGES:-}" ] || cp -r "$LAB/packages"/. "$KEEP_PACKAGES"
}
