#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# Whatever is wrong with our files: libvirtd starts, says so in one line, and its other pools work.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool state-dir later -- cmake

BACKEND_DIR=stock lab_start_libvirtd
reflink_options="<reflink:revisions keep='3'/>"
mkdir "$dir/plain"
: >"$dir/plain/disk"
stock_pool plain "$dir/plain"

# The lines that we write into the daemon's log.
complaints()
{
    grep '^libvirt-reflink: ' "$LAB/libvirtd.log" || true
}

# fresh: a copy of the staged files, to be spoiled.
fresh()
{
    rm -rf "$LAB/copy"
    cp -a "$STAGE_DIR/lib/libvirt-reflink" "$LAB/copy"
    module=$(echo "$LAB"/copy/[0-9]*/reflink.so)
    [ -f "$module" ]
    : >"$LAB/libvirtd.log"
}

start_with_copy()
{
    BACKEND_DIR=$LAB/copy/storage-backend lab_restart_libvirtd
}

plain_pools_work()
{
    expect_exactly disk volumes plain
    virsh vol-create-as plain new 1M
    virsh vol-clone new second --pool plain
    virsh vol-delete second plain
    virsh vol-delete new plain
}

# starts_with_line REGEX
starts_with_line()
{
    start_with_copy
    [ "$(complaints | wc -l)" = 1 ] || die "not one line, but: $(complaints)"
    complaints | grep -E -q -e "$1.*not available" ||
        die "it says '$(complaints)', not /$1/"
}

# starts_without_module REGEX
starts_without_module()
{
    starts_with_line "$1"
    plain_pools_work
    define_pool ours "$dir/ours" "$reflink_options"
    expect reflink:options virsh pool-dumpxml ours
    fails_with "module for libvirt" virsh pool-start ours
    virsh pool-undefine ours
}

# --- nothing wrong

fresh
start_with_copy
expect_exactly "" complaints
reflink_pool ours "$dir/ours" "$reflink_options"
expect reflink:options virsh pool-dumpxml ours
virsh vol-create-as ours a/b 1M
virsh pool-destroy ours
virsh pool-undefine ours
expect_exactly disk volumes plain
ok "a copy of the staged files works, and says nothing"

# --- the module

fresh
rm "$module"
starts_without_module "module for libvirt [0-9.]+.*$LAB/copy/.*reflink.so"
fresh
rm -r "$(dirname "$module")"
starts_without_module "module for libvirt [0-9.]+"
fresh
mv "$(dirname "$module")" "$LAB/copy/8.99.0"
starts_without_module "module for libvirt [0-9.]+"
ok "without a module for this version"

fresh
ids=$(grep -aoE '[0-9a-f]{40}' "$module")
[ "$(wc -l <<<"$ids")" -ge 2 ]
for id in $ids; do
    fresh
    LC_ALL=C sed -i "s/$id/${id//?/0}/" "$module"
    starts_without_module "was built for another build of libvirt.*0{40}.*rebuild it"
done
ok "with a module for another build of libvirt or of its storage driver"

fresh
whole=$(stat -c %s "$module")
for size in 0 100 4096 20000 $((whole / 2)) $((whole - 1)); do
    fresh
    truncate -s "$size" "$module"
    starts_without_module "the module .*reflink.so is not a complete ELF file"
done
ok "with one that was cut off"

fresh
cp "$LAB/copy/storage-backend/libvirt_storage_backend_fs.so" "$module"
starts_without_module "reflink.so is not a reflink module"
for wrong in "echo 'not an ELF file' >" "mkdir" "mkfifo" "ln -s /dev/null"; do
    fresh
    rm "$module"
    eval "$wrong" '"$module"'
    starts_without_module "the module .*reflink.so is not a complete ELF file"
done
fresh
ln -sf reflink.so "$module"
starts_without_module "module"
ok "with something else in its place"

# --- a module below /var, where /usr cannot be written

own_state_dir
fresh
there=$state_dir/$(basename "$(dirname "$module")")
mkdir "$there"
mv "$module" "$there"
# loads: the module below /var is taken, and nothing is complained of.
loads()
{
    : >"$LAB/libvirtd.log"
    start_with_copy
    expect_exactly "" complaints
    expect "$there/reflink.so" cat "/proc/$(cat /run/libvirtd.pid)/maps"
}
loads
echo "not an ELF file" >"$module"
loads
sed "s/$id/${id//?/0}/" "$there/reflink.so" >"$module"
loads
rm "$module"
ok "a module below /var is taken where none beside the shim fits"

# refuses FILE COMMAND...: with that done to it the module is not loaded, and FILE is named.
refuses()
{
    local file=$1 before
    before=$(stat -c %a "$file")
    "${@:2}" "$file"
    : >"$LAB/libvirtd.log"
    starts_without_module "not loaded: others than root can change '$file' .*chown root:root $file"
    chown root:root "$file"
    chmod "$before" "$file"
}
refuses "$there/reflink.so" chmod 664
refuses "$there" chmod o+w
refuses "$state_dir" chown daemon
refuses /var/lib chmod 1777
loads
mkdir -m 777 "$LAB/open"
mv "$there" "$LAB/open/elsewhere"
ln -s "$LAB/open/elsewhere" "$there"
: >"$LAB/libvirtd.log"
starts_without_module "not loaded: others than root can change '/.*' "
rm "$there"
mv "$LAB/open/elsewhere" "$there"
mount --bind "$there" "$there"
mount -o remount,bind,noexec "$there"
: >"$LAB/libvirtd.log"
starts_without_module "the module does not load: $there/reflink.so: "
umount --lazy "$there" # the daemon may have a part of it mapped
loads
rm -r "$there"
ok "but none that others than root can change, nor from a file system without programs"

# --- headers that are not this libvirt's, and such as are declared for it

for right in "$BUILD_DIR"/tests/proof/right-*.so; do
    [ -e "$right" ] || continue
    fresh
    cp "$right" "$module"
    start_with_copy
    expect_exactly "" complaints
    reflink_pool declared "$dir/declared" "$reflink_options"
    virsh vol-create-as declared a/b 1M
    virsh vol-clone a/b a/c --pool declared
    expect "<capacity unit='bytes'>1048576<" virsh vol-dumpxml a/b --pool declared
    expect_exactly $'a/b\na/c' volumes declared
    virsh pool-destroy declared
    virsh pool-undefine declared
done
ok "a module that was built without libvirt's source works"


tried=0
for wrong in "$BUILD_DIR"/tests/proof/wrong-*.so; do
    [ -e "$wrong" ] || continue
    name=$(basename "$wrong" .so)
    case ${name#wrong-} in
    hang) why="its trial did not end in time" ;;
    crash) why="its trial ended with signal 11" ;;
    *) why="(a|the) .*\(vir[A-Za-z, ]*\)|its trial ended with signal [0-9]*" ;;
    esac
    fresh
    cp "$wrong" "$module"
    starts_with_line "the module does not fit libvirt [0-9.]+: ($why): build it with"
    echo "# ${name#wrong-}: $(complaints | sed 's/.* libvirt [0-9.]*: \(.*\): build it.*/\1/')"
    expect_exactly disk volumes plain
    expect_not "$module" cat "/proc/$(cat /run/libvirtd.pid)/maps"
    tried=$((tried + 1))
done
[ $tried -gt 2 ] || grep -q '^SANITIZE:BOOL=ON' "$BUILD_DIR/CMakeCache.txt"
ok "$tried modules that were built wrong: none is loaded, and the daemon goes on"

# --- the rest

BACKEND_DIR=stock lab_restart_libvirtd
: >"$LAB/libvirtd.log"
lab_restart_libvirtd
expect_exactly "" complaints
plain_pools_work
define_pool ours "$dir/ours" "$reflink_options"
expect_not reflink:options virsh pool-dumpxml ours
virsh pool-undefine ours
ok "without LIBVIRT_STORAGE_BACKEND_DIR libvirt is as it was"

# --- what is installed

DESTDIR=$LAB/root cmake --install "$BUILD_DIR" >"$LAB/install.log"
prefix=$(dirname "$(dirname "$(find "$LAB/root" -name libvirt-reflink-hook)")")
hook=$(find "$LAB/root" -name libvirt-reflink-hook)
backend=$(find "$LAB/root" -type d -name storage-backend)
expect_exactly "$(
    [ ! -e "$STAGE_DIR/bin/virt-reflink" ] || echo bin/virt-reflink
    cd "$STAGE_DIR" && find lib libexec sbin ! -type d | sort
)" bash -c "cd '$prefix' && find . ! -type d ! -path './share/*' -printf '%P\n' |
    sed 's|^lib/[^/]*-linux-gnu/|lib/|' | LC_ALL=C sort"
expect_exactly "$(cd "$SOURCE_DIR" && basename -a docs/*.[78] docs/*.schema.json xml/schemas/* packaging/completion/* | sort)" \
    bash -c "cd '$prefix/share' && find . ! -type d -printf '%f\n' | LC_ALL=C sort"
ok "an installation has exactly the staged files, all manual pages, schemas and the completion"

install_hook /etc/libvirt/hooks/qemu.d/50-reflink "$hook"
: >"$LAB/libvirtd.log"
BACKEND_DIR=$backend lab_restart_libvirtd
expect_exactly "" complaints
define_pool ours "$dir/ours" "$reflink_options"
virsh pool-start ours
expect_exactly a/b volumes ours
ok "and runs from where it was put"

BACKEND_DIR=stock lab_restart_libvirtd
touch "$backend/not-ours"
DESTDIR=$LAB/root cmake -DMANIFEST="$BUILD_DIR/install_manifest.txt" -P "$SOURCE_DIR/packaging/uninstall.cmake" \
    >>"$LAB/install.log"
expect_exactly "$backend/not-ours" find "$LAB/root" ! -type d
rm "$backend/not-ours"
DESTDIR=$LAB/root cmake -DMANIFEST="$BUILD_DIR/install_manifest.txt" -P "$SOURCE_DIR/packaging/uninstall.cmake" \
    >>"$LAB/install.log"
expect_exactly "" bash -c "cd '$LAB/root' && find . -name '*reflink*'"
ok "one command removes all of it, and nothing else"

done_testing
