# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The stock libvirtd, privately: to be used through lab.sh, inside of the laboratory.
#
#     lab_start_libvirtd [NAME=VALUE...]  with these in its environment as well
#     lab_stop_libvirtd                   as an administrator would; domains go on
#     lab_restart_libvirtd [NAME=VALUE...]  stop, and start as before (or with these)
#     lab_kill_libvirtd                   as a crash would
#     virsh COMMAND...                    talks to it
#
# BACKEND_DIR names another backend directory for it; "stock" is libvirt's own, without us.
# libvirtd_under is the command, if any, that it runs below; LIBVIRTD_PATIENCE how many seconds it may
# take to answer, and LIBVIRTD_FAREWELL how many to end.

LIBVIRTD_PID=
libvirtd_environment=()
libvirtd_backend_dir=
libvirtd_under=()

virsh()
{
    if [ "${1:-}" = destroy ]; then
        destroy_domain "$@"
    else
        command virsh -q -c qemu:///system "$@"
    fi
}

# libvirt 9.0.0 may hear from the monitor that the emulator is dead before its own destroy, which killed it,
# goes on. It says then that the domain is not running, and the domain has ended all the same.
destroy_domain()
{
    local before

    before=$(command virsh -q -c qemu:///system domstate "$2" 2>/dev/null) || true
    command virsh -q -c qemu:///system "$@" && return
    case $before in
    running | paused)
        [ "$(command virsh -q -c qemu:///system domstate "$2" 2>/dev/null)" = "shut off" ]
        ;;
    *) return 1 ;;
    esac
}

# What the packages libvirt-daemon-system and -config would bring, as far as it is needed. All
# of /run is hidden: neither D-Bus, udev nor machined of the machine takes part.
prepare_libvirt()
{
    local directory driver

    [ ! -e /run/libvirt-lab ] || return 0
    for directory in /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /run; do
        # Kept over a power cut, but for /run.
        mountpoint -q "$directory" && [ "$directory" != /run ] && continue
        mkdir -p "$directory"
        mount -t tmpfs -o mode=755 libvirt-reflink "$directory"
    done
    mkdir -p /run/libvirt /run/libvirt-reflink /run/lock /var/lib/libvirt/{qemu,images,boot}
    : >/run/libvirt-lab

    for driver in qemu libxl; do
        mkdir -p "/etc/libvirt/hooks/$driver.d"
        [ ! -x "$STAGE_DIR/sbin/libvirt-reflink-hook" ] ||
            install_hook "/etc/libvirt/hooks/$driver.d/50-reflink"
    done
    cat >/etc/libvirt/libvirtd.conf <<-END
	auth_unix_ro = "none"
	auth_unix_rw = "none"
	log_level = 3
	log_filters = "2:reflink"
	log_outputs = "1:stderr"
	END
    # Guests run as root, since the laboratory belongs to root, and nobody but the daemon
    # (no virtlogd, no systemd, no security module) has a part in running them.
    cat >/etc/libvirt/qemu.conf <<-END
	user = "root"
	group = "root"
	security_driver = "none"
	remember_owner = 0
	cgroup_controllers = []
	namespaces = []
	stdio_handler = "file"
	END
    provide_account
}

# The qemu driver ends the daemon where the account of Debian's libvirt-daemon-system is missing,
# even when the configuration names another one.
provide_account()
{
    local file

    ! getent passwd libvirt-qemu >/dev/null || return 0
    for file in passwd group; do
        cp "/etc/$file" "$LAB/$file"
        mount --bind "$LAB/$file" "/etc/$file"
    done
    echo "libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin" >>"$LAB/passwd"
    echo "libvirt-qemu:x:64055:" >>"$LAB/group"
    getent group kvm >/dev/null || echo "kvm:x:64056:" >>"$LAB/group"
}

lab_start_libvirtd()
{
    local backend_dir=${BACKEND_DIR:-$STAGE_DIR/lib/libvirt-reflink/storage-backend}
    local command=(env) environment

    requires_command libvirtd virsh
    prepare_libvirt
    libvirtd_environment=("$@")
    libvirtd_backend_dir=$backend_dir
    # A confined daemon may not load anything from a build tree.
    ! grep -q -s -w libvirtd /sys/kernel/security/apparmor/profiles ||
        command=(aa-exec -p unconfined -- env)
    [ "$backend_dir" = stock ] || command+=("LIBVIRT_STORAGE_BACKEND_DIR=$backend_dir")
    mapfile -t environment < <(daemon_environment "$@")
    "${command[@]}" "${environment[@]}" "${libvirtd_under[@]}" libvirtd --pid-file /run/libvirtd.pid \
        </dev/null >>"$LAB/libvirtd.log" 2>&1 &
    LIBVIRTD_PID=$!
    disown "$LIBVIRTD_PID" # its end is no news
    wait_for_libvirtd
}

wait_for_libvirtd()
{
    local deadline=$((SECONDS + ${LIBVIRTD_PATIENCE:-60}))

    until [ -S /run/libvirt/libvirt-sock ] && virsh uri >/dev/null 2>&1; do
        kill -0 "$LIBVIRTD_PID" 2>/dev/null || die "libvirtd ended"
        [ "$SECONDS" -lt "$deadline" ] || die "libvirtd does not answer"
        sleep 0.05
    done
}

lab_stop_libvirtd()
{
    [ -n "$LIBVIRTD_PID" ] || return 0
    kill -TERM "$LIBVIRTD_PID" 2>/dev/null || true
    forget_libvirtd
}

# Waits for its end, and does not do so forever: a daemon that hangs is killed.
forget_libvirtd()
{
    local deadline=$((SECONDS + ${LIBVIRTD_FAREWELL:-30}))

    while kill -0 "$LIBVIRTD_PID" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$LIBVIRTD_PID" 2>/dev/null || true
        sleep 0.05
    done
    LIBVIRTD_PID=
    rm -f /run/libvirt/libvirt-sock /run/libvirt/libvirt-sock-ro
}

lab_restart_libvirtd()
{
    [ $# -gt 0 ] || set -- "${libvirtd_environment[@]}"
    lab_stop_libvirtd
    BACKEND_DIR=${BACKEND_DIR:-$libvirtd_backend_dir} lab_start_libvirtd "$@"
}

lab_kill_libvirtd()
{
    kill -KILL "$LIBVIRTD_PID"
    forget_libvirtd
}

# With their hooks, so that these are seen to work to the end.
lab_stop_domains()
{
    local name

    [ -n "$LIBVIRTD_PID" ] && kill -0 "$LIBVIRTD_PID" 2>/dev/null || return 0
    for name in $(timeout 20 virsh -q -c qemu:///system list --name 2>/dev/null); do
        timeout 20 virsh -q -c qemu:///system destroy "$name" >/dev/null 2>&1
    done
}

# emulators_write_saves: libvirt may have had an emulator write a save file itself, so the hook believes none of them
# alone (backend/hook/daemon-version.h).
emulators_write_saves()
{
    local version
    version=$(virsh version --daemon | sed -n 's/^Running against daemon: //p')
    [ "$(printf '%s\n' 11.2.0 "$version" | sort -V | head -n 1)" = 11.2.0 ]
}
