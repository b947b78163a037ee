#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# The program that builds the module when libvirt has changed, with a compiler that takes no time: killed before and
# after each program that it runs, on full disks and on a read-only /usr. It never fails its caller, a module has its name only
# when it is complete, and the next run makes up for it. tests/packages has it with a compiler, in fresh systems.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" nowhere later -- setsid pkg-config readelf strip fallocate

version=$(pkg-config --modversion libvirt)
libdir=$(pkg-config --variable=libdir libvirt)
staged=$STAGE_DIR/lib/libvirt-reflink/$version/reflink.so
state=$LAB/state usr=$LAB/lib/libvirt-reflink
module=$usr/$version/reflink.so

mkdir -p "$LAB/bin" "$LAB/lib/libvirt/connection-driver" "$LAB/engine"
cp "$BUILD_DIR/common/librl-common.a" "$LAB/engine"
cp -L "$libdir"/libvirt.so.0.* "$LAB/lib"
ln -s "$(basename "$(realpath "$libdir/libvirt.so.0")")" "$LAB/lib/libvirt.so.0"
driver=$LAB/lib/libvirt/connection-driver/libvirt_driver_storage.so
cp "$libdir/libvirt/connection-driver/libvirt_driver_storage.so" "$driver"
sed "s|@LIBDIR@|$LAB/lib|; s|^source=.*|source=$SOURCE_DIR|; s|^engine=.*|engine=$LAB/engine|; s|^state=.*|state=$state|" \
    "$SOURCE_DIR/packaging/build-module.in" >"$LAB/build-module"
chmod 755 "$LAB/build-module"

# Each program counts two events: it begins, it has ended. At event number $KILL_AT its whole group is killed.
for name in mkdir mktemp flock cmake strip install sync cmp mv rm cat stat readelf grep readlink; do
    real=$(command -v "$name" || true)
    [ "$name" != cmake ] || real=$LAB/compile
    cat >"$LAB/bin/$name" <<-END
	#!/bin/sh
	event()
	{
	    echo $name >>"$LAB/events"
	    [ "\$(/usr/bin/wc -l <"$LAB/events")" != "\${KILL_AT:-}" ] || kill -KILL 0
	}
	event
	"$real" "\$@"
	status=\$?
	event
	exit \$status
	END
    chmod 755 "$LAB/bin/$name"
done
cat >"$LAB/compile" <<-END
	#!/bin/sh
	[ "\$1" = --build ] || exit 0
	$(command -v mkdir) -p "\$2/stage/lib/libvirt-reflink/$version"
	$(command -v cp) "$staged" "\$2/stage/lib/libvirt-reflink/$version/reflink.so"
	END
chmod 755 "$LAB/compile"

# build [VARIABLE=VALUE]: in a process group of its own.
build()
{
    : >"$LAB/events"
    env PATH="$LAB/bin:$PATH" "$@" setsid --wait sh "$LAB/build-module" >"$LAB/said" 2>&1
}

# builds [FILE]: the module is built, there.
builds()
{
    build || die "it ends with $?"
    [ ! -s "$LAB/said" ] || die "it says '$(cat "$LAB/said")'"
    grep -q cmake "$LAB/events" || die "nothing is built"
    cmp "$good" "${1:-$module}"
    is_tidy
}

# builds_not WORDS: it says so in one line.
builds_not()
{
    build || die "it ends with $?"
    [ "$(wc -l <"$LAB/said")" = 1 ] || die "it says '$(cat "$LAB/said")'"
    has_words "$1" <"$LAB/said" || die "it says '$(cat "$LAB/said")', not /$1/"
}

is_tidy()
{
    [ -z "$(find "$LAB/lib" "$state" -name 'build.??????' -o -name '*.new')" ] || die "it leaves $(find "$LAB/lib" "$state")"
}

libvirt_changes()
{
    touch "$driver"
}

strip --strip-debug -o "$LAB/good" "$staged"
good=$LAB/good
builds
inode=$(stat -c %i "$module")
build
! grep -E -v 'stat|cat' "$LAB/events" || die "where nothing changed, it runs something else"
[ "$(stat -c %i "$module")" = "$inode" ] || die "it is another file"
rm "$module"
builds
touch "$LAB/engine/librl-common.a"
builds
libvirt_changes
build &
other=$!
env PATH="$LAB/bin:$PATH" sh "$LAB/build-module"
wait $other
expect_exactly 4 grep -c cmake "$LAB/events"
cmp "$good" "$module"
ok "it builds when libvirt or our package has changed or the module is gone, once, and else runs nothing"

# --- killed

# killed_at EVENT: false where it came to its end before that.
killed_at()
{
    libvirt_changes
    echo "the one before" >"$module"
    { build "KILL_AT=$1" || true; } 2>/dev/null
    cmp -s "$good" "$module" || [ "$(cat "$module")" = "the one before" ] || die "killed at event $1, it leaves a part"
    [ "$(wc -l <"$LAB/events")" -ge "$1" ]
}

events=1
while killed_at $events; do
    build || die "after event $events it fails"
    [ ! -s "$LAB/said" ] || die "after event $events it says '$(cat "$LAB/said")'"
    cmp "$good" "$module"
    is_tidy
    events=$((events + 1))
done
[ $events -gt 30 ] || die "only $events events"
ok "killed at any of $((events - 1)) events, the module is one or the other, and the next run makes it right"

# As the unit has it, but for the time.
libvirt_changes
mv "$LAB/compile" "$LAB/compiler"
printf '#!/bin/sh\necho $$ >"%s"\nexec sleep 1000\n' "$LAB/sleeper" >"$LAB/compile"
chmod 755 "$LAB/compile"
command=$(sed -n 's/^ExecStartPre=-//p' "$SOURCE_DIR/packaging/systemd/60-libvirt-reflink-build.conf")
command=${command/ 60 / 1 }
env PATH="$LAB/bin:$PATH" ${command% *} sh "$LAB/build-module" || true
! kill -0 "$(cat "$LAB/sleeper")" 2>/dev/null || die "the compiler goes on"
mv "$LAB/compiler" "$LAB/compile"
builds
ok "one that takes too long is ended, with its compiler, and the next run makes it right"

# --- it cannot be built

printf '#!/bin/sh\necho 8.8.8\n' >"$LAB/bin/pkg-config"
chmod 755 "$LAB/bin/pkg-config"
libvirt_changes
builds_not "cannot be built & build.log & not available"
has_words "library is of $version & headers & 8.8.8" <"$state/build.log" || die "$(cat "$state/build.log")"
rm "$LAB/bin/pkg-config"
builds
libvirt_changes
mv "$LAB/bin/cmake" "$LAB/cmake"
printf '#!/bin/sh\nexit 1\n' >"$LAB/bin/cmake"
chmod 755 "$LAB/bin/cmake"
builds_not "cannot be built & build.log"
mv "$LAB/cmake" "$LAB/bin/cmake"
builds
mv "$driver" "$LAB/driver"
builds_not "no storage driver"
mv "$LAB/driver" "$driver"
mv "$LAB/engine" "$LAB/no-engine"
builds_not "engine/librl-common.a is missing & Install the package libvirt-reflink-module-source again"
mv "$LAB/no-engine" "$LAB/engine"
ok "headers of another version, no compiler, no storage driver, a package that is damaged: one line says so"

# --- full disks, and those that cannot be written

# full DIRECTORY: a small file system that is full, in its place.
full()
{
    mkdir -p "$1"
    mount -t tmpfs -o size=64k full "$1"
    fallocate -l 64k "$1/fill" || true
    ! (echo x >"$1/x") 2>/dev/null || : >"$1/x"
}

libvirt_changes
full "$state"
builds_not "not available"
umount "$state"
builds
libvirt_changes
full "$usr"
builds "$state/$version/reflink.so"
umount "$usr"
build
cmp "$good" "$module"
[ ! -e "$state/$version" ] || die "the other module is left"
ok "a full disk"

libvirt_changes
mount --bind "$usr" "$usr"
mount -o remount,bind,ro "$usr"
builds "$state/$version/reflink.so"
build
! grep -q cmake "$LAB/events" || die "it is built again"
umount "$usr"
mkdir -p "$state"
mount --bind "$state" "$state"
mount -o remount,bind,ro "$state"
libvirt_changes
builds_not "$state cannot be written"
umount "$state"
builds
[ ! -e "$state/$version" ] || die "the other module is left"
ok "on a read-only /usr the module lies below /var, and where nothing can be written one line says so"

done_testing
