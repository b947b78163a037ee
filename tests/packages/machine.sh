# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A system that packages are installed in: $machine, with a disk for pools. Its daemons run as in a real one, but
# for systemd: what maintainer scripts ask it to restart is written to $restarts, and after machine_obeys it is done.

machine=
restarts=

machine_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

in_machine()
{
    chroot "$machine" env -i HOME=/root LC_ALL=C PATH="$machine_path" DEBIAN_FRONTEND=noninteractive "$@"
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

# machine_domain NAME DISK-SOURCE: a domain that waits for its end, or ends itself as its disk says.
machine_domain()
{
    lab_domain "$1" '' "" | sed "/<devices>/a <disk $2<target dev='hda' bus='ide'/></disk>" |
        sed "s|<source path='$LAB/|<source path='/var/log/libvirt/|" >"$machine/tmp/$1.xml"
    virsh define "/tmp/$1.xml" >/dev/null
}

# apt ARGUMENT...: with paths as the system sees them; * is expanded there. Configuration that was edited stays.
apt()
{
    in_machine sh -c "apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold -o DPkg::Path=$machine_path $* 2>&1"
}

# apt_fails TEXT ARGUMENT...: it does not do that, and says so.
apt_fails()
{
    local text=$1 output
    shift
    ! output=$(apt "$@") || die "apt $* succeeded"
    [[ $output == *"$text"* ]] || die "apt $* says '$output', not '$text'"
}

# libvirtd.service: the environment and the commands before the start come from the drop-ins. A daemon that takes too
# long to end is killed. No file of the caller's stays open, for which apt or debconf would wait.
write_service()
{
    cat <<-'END'
	#!/bin/sh
	settings()
	{
	    cat /etc/systemd/system/libvirtd.service.d/*.conf /usr/lib/systemd/system/libvirtd.service.d/*.conf 2>/dev/null |
	        sed -n "s/^$1=-\{0,1\}//p"
	}
	stop()
	{
	    pid=$(cat /run/libvirtd.pid 2>/dev/null) || return 0
	    kill -TERM "$pid" 2>/dev/null
	    tries=100
	    while kill -0 "$pid" 2>/dev/null; do
	        tries=$((tries - 1))
	        [ $tries -gt 0 ] || kill -KILL "$pid"
	        sleep 0.1
	    done
	    rm -f /run/libvirtd.pid /run/libvirt/libvirt-sock /run/libvirt/libvirt-sock-ro
	}
	start()
	{
	    # A machine that is busy with other tests takes longer than one that only starts a daemon.
	    settings ExecStartPre | sed 's/ 60 / 600 /' | while read -r command; do
	        $command </dev/null
	    done
	    # shellcheck disable=SC2046
	    env $(settings Environment) setsid libvirtd --pid-file /run/libvirtd.pid </dev/null &
	    tries=600
	    until virsh -q -c qemu:///system uri; do
	        tries=$((tries - 1))
	        [ $tries -gt 0 ] || exit 1
	        sleep 0.1
	    done
	}
	exec </dev/null >>/tmp/libvirtd.log 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
	[ "$1" = start ] || stop
	[ "$1" = stop ] || start
	END
}

# machine_obeys: from now on, maintainer scripts restart the daemon.
machine_obeys()
{
    : >"$machine/run/obeys"
}

# systemd, as far as maintainer scripts ask it: libvirtd runs. A package may bring the real one meanwhile.
pretend_systemd()
{
    local bin=$machine/usr/local/bin

    mkdir -p "$machine/run/systemd/system"
    cat >"$bin/systemctl" <<-'END'
	#!/bin/sh
	case "$*" in
	*is-active*libvirtd.service*) exit 0 ;;
	*is-active*) exit 3 ;;
	esac
	END
    cat >"$bin/deb-systemd-invoke" <<-'END'
	#!/bin/sh
	[ "$1" = restart ] || exit 0
	echo "$2" >>/tmp/restarts
	[ ! -e /run/obeys ] || [ "$2" != libvirtd.service ] || exec /run/libvirtd-service restart
	END
    write_service >"$machine/run/libvirtd-service"
    chmod 755 "$bin/systemctl" "$bin/deb-systemd-invoke" "$machine/run/libvirtd-service"
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
    ln -sfn "$machine/tmp/libvirtd.log" "$LAB/libvirtd.log"
}

machine_start_daemon()
{
    in_machine /run/libvirtd-service start || die "libvirtd does not answer"
}

machine_start_daemons()
{
    in_machine virtlogd --daemon
    machine_start_daemon
}

# As systemd does, also with a daemon that runs domains.
machine_restart_daemon()
{
    in_machine /run/libvirtd-service restart || die "libvirtd does not answer"
}

machine_stop_daemons()
{
    in_machine /run/libvirtd-service stop
    kill "$(cat "$machine/run/virtlogd.pid")"
}
