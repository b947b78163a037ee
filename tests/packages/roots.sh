# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Fresh systems of a Debian suite, each an archive: one to build packages in, one to install them in. They are
# kept in the cache for a day, together, so that both have the same libvirt.

roots_cache=${LIBVIRT_REFLINK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}}/libvirt-reflink/packages

# What a machine with libvirt has, and what makes a file system for the pool.
run_packages=libvirt-daemon-system,libvirt-clients,qemu-system-x86,apparmor,xfsprogs

# What unit tests run, and their build needs.
unit_packages=xfsprogs,btrfs-progs,e2fsprogs,attr,strace,procps,python3,qemu-utils,libfuse3-dev

# What debian/control wants for a build, and build-deb itself; what runs a domain where a module is built; and the above.
build_packages()
{
    sed -n '/^Build-Depends:/,/^[A-Z]/s/^ \([a-z0-9.-]*\).*/\1/p' "$SOURCE_DIR/packaging/debian/control" |
        sed "s/^debhelper-compat$/debhelper/; /^libvirt-daemon-driver-storage$/d; s/^pkgconf$/pkg-config/" |
        tr '\n' ,
    echo "build-essential,ca-certificates,lintian,xz-utils,libvirt-daemon-system,qemu-system-x86,$unit_packages"
}

# packages_of NAME: what is in that system.
packages_of()
{
    case $1 in
    build) build_packages ;;
    run) echo "$run_packages" ;;
    bare) echo ca-certificates,mount ;;
    esac
}

# make_root SUITE NAME: the archive SUITE-NAME.tar.
make_root()
{
    local packages options=()

    packages=$(packages_of "$2")
    if [ "$2" = build ]; then
        options=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*'
            --dpkgopt='path-exclude=/usr/share/locale/*')
    fi
    # The list of a copy of the archive may be older than it is good for.
    [ "$1" != unstable ] || options+=(--aptopt='Acquire::Check-Valid-Until "false"')
    echo "$packages" >"$roots_cache/$1-$2.packages"
    nice mmdebstrap --quiet --variant=apt --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
        --aptopt='Acquire::Languages "none"' "${options[@]}" --include="$packages" \
        "$1" "$roots_cache/$1-$2.new.tar" >"$roots_cache/$1-$2.log" 2>&1 ||
        skip "mmdebstrap makes no system of $1: $(tail -n 1 "$roots_cache/$1-$2.log")"
}

# need_roots SUITE NAME...: "run" to install in, "build" to build in, or to install in where a module is built, "bare" with
# nothing but apt.
need_roots()
{
    local suite=$1 name missing=''
    shift

    requires_command mmdebstrap
    mkdir -p "$roots_cache"
    exec {roots_lock}>"$roots_cache/$suite.lock"
    flock "$roots_lock"
    for name in "$@"; do
        [ -n "$(find "$roots_cache" -name "$suite-$name.tar" -mmin -1440)" ] &&
            [ "$(cat "$roots_cache/$suite-$name.packages" 2>/dev/null)" = "$(packages_of "$name")" ] || missing=yes
    done
    [ -n "$missing" ] || return 0
    rm -f "$roots_cache/$suite"-*.tar
    for name in "$@"; do
        make_root "$suite" "$name"
    done
    for name in "$@"; do
        mv "$roots_cache/$suite-$name.new.tar" "$roots_cache/$suite-$name.tar"
    done
}

# open_root SUITE NAME DIRECTORY: unpacks it to $LAB/DIRECTORY, with what a running system has.
open_root()
{
    local root=$LAB/$3 directory

    mkdir -p "$root"
    tar -C "$root" --xattrs -xf "$roots_cache/$1-$2.tar"
    for directory in dev sys; do
        mount --rbind "/$directory" "$root/$directory"
    done
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 libvirt-reflink "$root/run"
    mkdir -p "$root/run/lock" "$root/run/libvirt"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # It is thrown away: no package has to be on the disk.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
}

# An archive of what git knows or would add; or, where git does not say, of all but builds.
source_files()
{
    if git -C "$SOURCE_DIR" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$SOURCE_DIR" ls-files -z --cached --others --exclude-standard |
            tar -C "$SOURCE_DIR" --null --files-from=- --ignore-failed-read -c
    else
        tar -C "$SOURCE_DIR" --exclude='./build*' --exclude=./.git -c .
    fi
}

# build_packages_of SUITE: puts the packages into $LAB/packages, and, if that is set, into KEEP_PACKAGES as well.
build_packages_of()
{
    open_root "$1" build builder
    mkdir -p "$LAB/builder/source" "$LAB/builder/cache/libvirt-reflink" "$LAB/packages"
    mount --bind "${roots_cache%/*}" "$LAB/builder/cache/libvirt-reflink"
    source_files | tar -C "$LAB/builder/source" -x
    nice chroot "$LAB/builder" env HOME=/root LIBVIRT_REFLINK_CACHE=/cache SOURCE_DATE_EPOCH="$(date +%s)" /source/packaging/build-deb /packages \
        >"$LAB/build.log" 2>&1 || {
        tail -n 30 "$LAB/build.log" >&2
        die "build-deb fails on $1"
    }
    cp -r "$LAB/builder/packages"/. "$LAB/packages"
    [ -z "${KEEP_PACKAGES:-}" ] || cp -r "$LAB/packages"/. "$KEEP_PACKAGES"
}
