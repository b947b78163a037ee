# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A system that packages are installed in: $machine, with a disk for pools. Its daemons run as in a real one, but
# for systemd: what maintainer scripts ask it to restart is written to $restarts.

machine=
restarts=

in_machine()
{
    chroot "$machine" env -i HOME=/root LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive "$@"
}

virsh()
{
    in_machine virsh -q -c qemu:///system "$@"
}

# machine_destroy DOMAIN: libvirt 9.0.0 may say that it is not running when it has just killed it.
machine_destroy()
{
    virsh destroy "$1" >/dev/null 2>&1 || true
    guest_wait "$1"
}

# apt ARGUMENT...: with paths as the system sees them; * is expanded there.
apt()
{
    in_machine sh -c "apt-get -q -y --no-install-recommends $* 2>&1"
}

# apt_fails TEXT ARGUMENT...: it does not do that, and says so.
apt_fails()
{
    local text=$1 output
    shift
    ! output=$(apt "$@") || die "apt $* succeeded"
    [[ $output == *"$text"* ]] || die "apt $* says '$output', not '$text'"
}

# systemd, as far as maintainer scripts ask it: libvirtd runs.
pretend_systemd()
{
    local name

    mkdir -p "$machine/run/systemd/system"
    cat >"$machine/run/systemctl" <<-'END'
	#!/bin/sh
	case "$*" in
	*is-active*libvirtd.service*) exit 0 ;;
	*is-active*) exit 3 ;;
	esac
	END
    cat >"$machine/run/deb-systemd-invoke" <<-'END'
	#!/bin/sh
	[ "$1" != restart ] || echo "$2" >>/tmp/restarts
	END
    chmod 755 "$machine/run/systemctl" "$machine/run/deb-systemd-invoke"
    for name in systemctl deb-systemd-invoke; do
        mount --bind "$machine/run/$name" "$machine/usr/bin/$name"
    done
}

# machine_open SUITE NAME
machine_open()
{
    open_root "$1" "$2" "$2"
    machine=$LAB/$2
    # The daemon of the host has no part in it.
    mount -t tmpfs -o mode=755 libvirt-reflink /run
    make_filesystem xfs "$LAB/pools-$2.img" 512M
    mount_filesystem "$LAB/pools-$2.img" "$machine/var/lib/libvirt/reflink"
    mkdir "$machine/packages"
    mount --bind "$LAB/packages" "$machine/packages"
    # There are no cgroups for it here, and no systemd to make them.
    printf '%s\n' 'cgroup_controllers = []' 'namespaces = []' 'security_driver = "none"' \
        >>"$machine/etc/libvirt/qemu.conf"
    mkdir -p "$machine/etc/libvirt/storage" # the daemon's, once a pool was defined
    pretend_systemd
    restarts=$machine/tmp/restarts
}

# The environment that the units' drop-ins give the daemon.
dropped_in_environment()
{
    cat "$machine"/{etc,usr/lib}/systemd/system/libvirtd.service.d/*.conf 2>/dev/null | sed -n 's/^Environment=//p'
}

machine_start_daemon()
{
    local environment
    mapfile -t environment < <(dropped_in_environment)
    in_machine "${environment[@]}" libvirtd --pid-file /run/libvirtd.pid </dev/null >>"$LAB/libvirtd.log" 2>&1 &
    disown $!
    eventually 60 virsh uri
    LIBVIRTD_PID=$(cat "$machine/run/libvirtd.pid")
}

machine_start_daemons()
{
    in_machine virtlogd --daemon
    machine_start_daemon
}

machine_stop_daemon()
{
    kill -TERM "$LIBVIRTD_PID"
    LIBVIRTD_FAREWELL=10 forget_libvirtd
    rm -f "$machine/run/libvirt/libvirt-sock" "$machine/run/libvirt/libvirt-sock-ro"
}

# As systemd does, which kills a daemon that takes too long, also with a daemon that runs domains.
machine_restart_daemon()
{
    machine_stop_daemon
    machine_start_daemon
}

machine_stop_daemons()
{
    machine_stop_daemon
    kill "$(cat "$machine/run/virtlogd.pid")"
}
