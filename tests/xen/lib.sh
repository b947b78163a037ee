# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What stories are told with, in dom0. A story is run once for each file system, with FS and STORY
# in its environment, beside those of the other file system and with the same libvirtd. It begins with
#
#     . "${0%/*}/../lib.sh"
#     begin_story
#
# and ends with done_testing. Each of its lines `ok "..."` has to be reached: see `run`.
SOURCE_DIR=/lab/source
BUILD_DIR=/
. "$SOURCE_DIR/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"

# Without keepalive: the daemon may take its time.
virsh()
{
    command virsh -q -k 0 -c xen:///system "$@"
}

start_libvirtd()
{
    LIBVIRT_STORAGE_BACKEND_DIR=$(echo /usr/lib*/libvirt-reflink/storage-backend) \
        libvirtd --daemon --pid-file /run/libvirtd.pid || return
    for _ in {1..300}; do
        [ ! -S /run/libvirt/libvirt-sock ] || ! virsh uri >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    return 1
}

# As a crash of it: it cleans nothing up.
kill_libvirtd()
{
    kill -KILL "$(cat /run/libvirtd.pid)"
    rm /run/libvirtd.pid
}

begin_story()
{
    set -eE
    trap report_failure ERR
    trap end_story EXIT
    LAB=/run/stories/$FS-$STORY
    pool=$FS-$STORY
    POOL=/$FS/$STORY
    mkdir -p "$LAB"
    mkfifo "$LAB/silence"
    exec {silence}<>"$LAB/silence"
    started=$SECONDS
}

end_story()
{
    local status=$?

    trap - EXIT ERR
    if [ $testing_is_done = no ]; then
        # Nobody waits for us where the stories meet.
        : >"/run/$FS-$STORY-failed"
        echo "--- failed; what there is:"
        ls -la "$POOL"/* || true
        losetup --list || true
        timeout 30 xl list || true
        tail -n 20 /var/log/libvirt/libxl/libxl-driver.log || true
        exit 1
    fi
    exit $status
}

# ok TEXT: as in lab.sh, with the time it took since the last.
ok()
{
    tests_done=$((tests_done + 1))
    echo "ok $tests_done - $* ($((SECONDS - started)) s)"
    started=$SECONDS
}

# meet WHERE: waits until the stories of all file systems have come here.
meet()
{
    local fs

    : >"/run/$FS-$1"
    for fs in $FILESYSTEMS; do
        until [ -e "/run/$fs-$1" ]; do
            [ ! -e "/run/$fs-$STORY-failed" ] || die "it failed on $fs before '$1'"
            sleep 1
        done
    done
}

# nap: a fifth of a second, without the process that sleep is.
nap()
{
    read -r -t 0.2 <&"$silence" || true
}

# One of those who meet, for what is to be done once.
is_first()
{
    [ "$FS" = "${FILESYSTEMS%% *}" ]
}

# slowly COMMAND...: it succeeds within two minutes. Asks seldom: everything is slow here.
slowly()
{
    local deadline=$((SECONDS + 120))

    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || die "still not so: $*"
        sleep 1
    done
}

# --- Volumes.

# make_pool FILE NAME SIZE [NAME SIZE]...: the story's pool of that document, with these volumes. In one
# call, for each takes a second.
make_pool()
{
    local commands="pool-define $1; pool-build $pool; pool-start $pool"

    shift
    while [ $# -gt 0 ]; do
        commands+="; vol-create-as $pool $1 $2"
        shift 2
    done
    virsh "$commands"
}

# documented WHAT: prints that element of docs/xen.md.
documented()
{
    sed -n "/^    <$1[ >]/,/^    <\\/$1>/p" "$SOURCE_DIR/docs/xen.md"
}

# documented_pool: prints the XML of the pool in docs/xen.md, with the story's name and directory.
documented_pool()
{
    documented pool | sed -e "s,<name>qubes<,<name>$pool<," -e "s,/var/lib/qubes,$POOL,"
}

# text_of FILE: what `put` of the guest, or fill_volume, has written to it.
text_of()
{
    head -c 512 "$1" | tr -d '\0' | sed 's/ *$//'
}

# has_text FILE TEXT
has_text()
{
    [ "$(text_of "$1")" = "$2" ] || die "$1 has '$(text_of "$1")', not '$2'"
}

# fill_volume NAME TEXT
fill_volume()
{
    printf '%-512s' "$2" >"$LAB/text"
    virsh vol-upload "$1" "$LAB/text" --pool "$pool"
}

# newest_revision_has NAME TEXT: the volume's latest automatic revision does.
newest_revision_has()
{
    local file

    file=$(find "$POOL" -path "$POOL/$1.img.*@*" | sort -V | tail -n 1)
    [ -n "$file" ] || die "$1 has no revision"
    has_text "$file" "$2"
}

# revisions NAME: how many automatic ones it has.
revisions()
{
    find "$POOL" -path "$POOL/$1.img.*@*" | wc -l
}

# write_text FILE TEXT: as a guest's `put` does.
write_text()
{
    printf '%-512s' "$2" | dd of="$1" bs=512 conv=notrunc,fsync 2>/dev/null
}

is_gone()
{
    [ ! -e "$1" ]
}

# committed NAME TEXT: nothing of the run is left but its content.
committed()
{
    slowly is_gone "$POOL/$1-dirty.img"
    has_text "$POOL/$1.img" "$2"
}

# --- Domains.

# domain_document NAME VOLUME...: prints the XML of a domain that has these as xvda and so on.
domain_document()
{
    local name=$1 volume letters=abcd i=0
    shift

    cat <<-END
	<domain type='xen'>
	  <name>$name</name>
	  <memory unit='MiB'>128</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='xenpv'>linux</type>
	    <kernel>${KERNEL:-/boot/vmlinux}</kernel>
	    <initrd>/lab/initramfs-guest.img</initrd>
	    <cmdline>$GUEST_CMDLINE</cmdline>
	  </os>
	  <on_crash>destroy</on_crash>
	  <devices>
	END
    for volume in "$@"; do
        cat <<-END
	    <disk type='file' device='disk'>
	      <driver name='phy' type='raw'/>
	      <source file='$POOL/$volume-dirty.img'/>
	      <target dev='xvd${letters:i:1}' bus='xen'/>
	    </disk>
		END
        i=$((i + 1))
    done
    cat <<-END
	    <console type='pty'><target type='xen' port='0'/></console>
	  </devices>
	</domain>
	END
}
# The second line only saves time.
GUEST_CMDLINE="console=hvc0 quiet random.trust_cpu=on rdinit=/init panic=1"
GUEST_CMDLINE+=" mitigations=off nokaslr norandmaps cryptomgr.notests init_on_alloc=0 rodata=off"

# documented_domain NAME: prints the XML of the domain in docs/xen.md, with that name, in the story's
# pool, and with the kernel that there is here.
documented_domain()
{
    documented domain |
        sed -e "s,<name>demo<,<name>$1<," -e "s,/var/lib/qubes/,$POOL/," \
            -e "s,<kernel>.*<,<kernel>/boot/vmlinux<," \
            -e "s,<initrd>.*<,<initrd>/lab/initramfs-guest.img<," \
            -e "s,<cmdline>.*<,<cmdline>$GUEST_CMDLINE<,"
}

# xl_document NAME VOLUME: prints xl's configuration of such a domain.
xl_document()
{
    cat <<-END
	name = "$1"
	kernel = "/boot/vmlinux"
	ramdisk = "/lab/initramfs-guest.img"
	extra = "$GUEST_CMDLINE"
	memory = 128
	disk = ["format=raw,vdev=xvda,access=rw,target=$POOL/$2-dirty.img"]
	END
}

# define_domain NAME VOLUME...
define_domain()
{
    domain_document "$@" >"$LAB/$1.xml"
    virsh define "$LAB/$1.xml"
}

# wait_until_up NAME: until its guest listens. To look costs no process, so it is done often.
wait_until_up()
{
    local deadline=$((SECONDS + 120)) output=

    until [[ $output == *"the guest is up"* ]]; do
        [ "$SECONDS" -lt "$deadline" ] || die "$1 does not come up"
        nap
        IFS= read -r -d '' output <"/var/log/xen/guest-$1.log" || true
    done
}

# start NAME: until its guest listens.
start()
{
    forget_output "$1"
    alone virsh start "$1"
    wait_until_up "$1"
}

# alone COMMAND...: not while another story does so as well. Of what sets up disks, two at once are
# slower than one after the other, and libxl has no patience with that.
alone()
{
    (
        flock 9
        "$@" 9>&-
    ) 9>/run/alone
}

forget_output()
{
    : >"/var/log/xen/guest-$1.log"
}

# guest NAME COMMAND...: the guest does it; its output and its status are what it said and how it
# ended. The text goes through a shell there.
guest()
{
    local name=$1 id=$RANDOM$RANDOM number log pattern output= answer=
    shift

    log=/var/log/xen/guest-$name.log
    number=$(xl domid "$name")
    echo "$id $*" >"$(xenstore-read "/local/domain/$number/console/tty")"
    pattern="answer $id ([^"$'\r\n'"]*)["$'\r\n'"]"
    for _ in {1..600}; do
        nap
        IFS= read -r -d '' output <"$log" || true
        [[ ! $output =~ $pattern ]] || break
    done
    answer=${BASH_REMATCH[1]:-}
    [ -n "$answer" ] || die "$name does not answer to: $*"
    read -r number answer <<<"$answer"
    echo "$answer"
    return "$number"
}

# tell NAME COMMAND...: the same for what ends the guest.
tell()
{
    local name=$1
    shift
    echo "0 $*" >"$(xenstore-read "/local/domain/$(xl domid "$name")/console/tty")"
}

# is_in_state LETTER NAME: in Xen's eyes: s is shut down, c crashed. Such a domain stays until its
# toolstack cleans up.
is_in_state()
{
    xl list "$2" | awk -v letter="$1" 'END { exit index($5, letter) == 0 }'
}

# libvirt says so after its hooks have run.
is_off()
{
    [ "$(virsh domstate "$1")" = "shut off" ]
}

# is_at_rest NAME: it is off, and what its hook has left to be done later is done.
is_at_rest()
{
    is_off "$1" && ! pgrep -x '50-reflink|libvirt-reflink'
}

# expect_info VOLUME TEXT: what virt-reflink knows of it.
expect_info()
{
    expect "$2" virt-reflink info "$POOL" "$1"
}
