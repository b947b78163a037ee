#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# The recipes of docs/clients.md do what the page says, as they stand there. What changes a disk with guestfish is
# played: that boots a machine of its own.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest -- python3 virt-install virt-clone virt-xml \
    qemu-img qemu-system-x86_64
/usr/bin/python3 -c "import libvirt" 2>/dev/null || skip "needs Python's module libvirt"
export HOME=$LAB XDG_CACHE_HOME=$LAB/cache PATH=$LAB/bin:$STAGE_DIR/bin:$PATH
cd "$LAB"
mkdir bin default
pool=$dir/vms
reflink_pool vms "$pool" "<reflink:revisions keep='9'/><reflink:volume match='lasting' backing='persistent'/>"
stock_pool default "$LAB/default"

# The guest of the laboratory has no KVM, and starts sooner without USB.
cat >bin/virt-install <<'END'
#!/bin/sh
exec timeout 60 /usr/bin/virt-install --virt-type qemu --machine pc --controller usb,model=none "$@"
END
cat >bin/guestfish <<'END'
#!/bin/sh
printf 'e\0\0\0' | dd of="$4" bs=512 seek=1 conv=notrunc status=none
END
ln -s /usr/bin/python3 bin/python3 # which has the module
chmod 755 bin/virt-install bin/guestfish

# The code blocks, each in a file of its section's number and its own; every tool asks this daemon.
awk -v dir="$LAB/recipe." '
    /^### / { title = substr($0, 5); number = 0; open = 0; next }
    /^## / { title = "" }
    title == "" { next }
    /^    / { if (!open) number++; open = 1; print substr($0, 5) > (dir title "." number); next }
    { if ($0 != "") open = 0 }
' "$SOURCE_DIR/docs/clients.md"
sed -i "s|/srv/pools/vms|$pool|g; s|bus=virtio|bus=ide|g; s|size=1,|size=0.001,|; s| 2G\$| 2M|; s|--memory 512|--memory 32|" recipe.*
rm -f "recipe.Clients that use a backing store for a disk that keeps its writes.1" # the rule
rm -f "recipe.One path for all clients.1" # another one: integration/one-path
export LIBVIRT_DEFAULT_URI=qemu:///system

# recipe TITLE [NUMBER]: runs it.
recipe()
{
    local file="recipe.$1.${2:-1}"

    bash -eu -o pipefail "$file" >said 2>&1 || die "the recipe '$1' fails: $(cat "$file" said)"
    rm "$file"
}

runs()
{
    counter "$pool/volumes/$1.img"
}

qemu-img convert -f raw -O qcow2 "$BOOT_IMAGE" debian-12.qcow2
recipe "A template from a cloud image"
[ "$(runs debian-12)" = 0 ]
recipe "A domain on a clone of the template"
guest_wait web
[ "$(runs web) $(runs debian-12)" = "1 0" ]
recipe "A domain whose disk is new at each start"
guest_wait kiosk
[ ! -e "$pool/volumes/kiosk.img" ]
recipe "Clients that use a backing store for a disk that keeps its writes" 2
guest_wait lasting
[ "$(runs lasting) $(runs debian-12)" = "1 0" ]
ok "a template is made, and domains begin with it, of both kinds"

recipe "Copy a domain"
guest_run web2
[ "$(runs web2) $(runs web)" = "2 1" ]
if [ -z "$(command -v nbdkit)" ] || [ -z "$(command -v nbdcopy)" ]; then
    sed -i '/nbdkit/d' recipe.Read*.1
    cp "$pool/volumes/web.img" web.raw
fi
recipe "Read the disk of a domain that is off"
cmp web.raw "$pool/volumes/web.img"
rm web.raw "recipe.Read the disk of a domain that is off.2"
recipe "Edit the disk of a domain that is off"
[ "$(runs web)" = "$(printf '%d' "'e")" ]
recipe "Back up"
cmp web.raw "$pool/volumes/web.img"
cmp web-now.raw web.raw
recipe "Back up" 2
grep -q "web@before-upgrade 1048576" said
ok "a disk that is off is read and edited, copied and saved"

cp "$BOOT_IMAGE" default/mail.img
virsh pool-refresh default
lab_domain mail "$LAB/default/mail.img" >mail.xml
virsh define mail.xml
recipe "Move a domain from a dir pool"
[ ! -e default/mail.img ]
guest_run mail
[ "$(runs mail)" = 1 ]
virsh start web --paused
recipe "Make a disk larger while its domain runs"
virsh destroy web
guest_wait web
[ "$(stat -c %s "$pool/volumes/web.img")" = 2097152 ]
recipe "One path for all clients" 2
expect "$pool/volumes/web2-dirty.img" virsh domblklist web2
guest_run web2
[ -z "$(ls recipe.* 2>/dev/null)" ] || die "no test of $(ls recipe.*)"
ok "a domain is moved from a dir pool, and a running one gets a larger disk"

done_testing
