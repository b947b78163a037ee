#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink repath: the definitions of domains that are off get the paths that their volumes have now, after the
# pool got <reflink:paths form='link'/>, or lost it; and nothing else of a definition changes.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest states kinds documents -- qemu-system-x86_64 python3 script
# shellcheck disable=SC2034
long_saves=yes
guest_pool "$pool" "<reflink:revisions keep='4'/>"
boot_volume web
create_volume qubes data 1048576
create_volume qubes "a&amp;b" 1048576
create_snapshot qubes snap "$(image web -dirty.img)"

# form [OPTION]: the pool has that option, or none, from now on.
form()
{
    virsh pool-dumpxml qubes --inactive | sed "/<reflink:paths/d; s|</reflink:options>|${1:-}&|" >"$LAB/pool.xml"
    virsh pool-define "$LAB/pool.xml"
    virsh pool-destroy qubes
    virsh pool-start qubes
}

definition()
{
    virsh dumpxml "$1" --inactive --security-info
}

# keeps DOMAIN: it is as $LAB/before.
keeps()
{
    definition "$1" | diff "$LAB/before" - || die "the definition of $1 has changed"
}

# refuses WORDS DOMAIN: the command does, and keeps the definition.
refuses()
{
    definition "$2" >"$LAB/before"
    refused "'$2' & $1" "$pool" tool repath --yes qubes "$2"
    keeps "$2"
    document 1 repath --yes qubes "$2"
    has "state failed False ['$2']" "error['code']" outcome changed refused
}

old=$pool/volumes/web-dirty.img
guest_domain web web data
lab_domain plain "$BOOT_IMAGE $pool/volumes/web.img" >"$LAB/plain.xml"
virsh define "$LAB/plain.xml"
expect "There is nothing to change" tool repath qubes
form "<reflink:paths form='link'/>"
guest_run web
workers_done

# --- what it says, and asks

definition web >"$LAB/before"
cat >"$LAB/planned" <<END
domain web, disk hda: $old -> $pool/web
domain web, disk hdb: $pool/volumes/data-dirty.img -> $pool/data
END
expect_exactly "$(cat "$LAB/planned")" tool repath --dry-run qubes
keeps web
document 0 repath --dry-run qubes web
has "planned False web qemu [['hda', 'web', '$old', '$pool/web'], ['hdb', 'data', '$pool/volumes/data-dirty.img', '$pool/data']] []" \
    outcome changed "domains[0]['domain']['name']" "domains[0]['domain']['driver']" \
    "[[d[k] for k in ('target', 'volume', 'old_path', 'path')] for d in domains[0]['disks']]" refused
document 1 repath qubes
has "unconfirmed False web" "error['code']" changed "domains[0]['domain']['name']"
keeps web
answer()
{
    echo "$1" | script -qec "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" repath qubes web)" /dev/null
}
answer n >"$LAB/said" || :
expect "definitions of 1 domains?" cat "$LAB/said"
keeps web
fails_with "'nobody'" tool repath qubes nobody
document 1 repath qubes nobody
has not-found "error['code']"
document 2 repath qubes web data
ok "it shows the plan; without an answer, or with another, nothing changes"

# --- who must not be changed

virsh start web --paused
refuses "running" web
virsh managedsave web
refuses "saved" web
virsh managedsave-remove web
refuses "'web' & dirty image" web
tool discard --yes -q qubes web
tool discard --yes -q qubes data
refused_all()
{
    document 1 repath --yes qubes
    has "partial ['web'] [] 1" "error['code']" refused redefined "len(warnings)"
}
tool start -q qubes data
refuses "'data' & dirty image" web
refused_all
tool stop -q qubes data
ok "refused: it runs, is saved, or a volume of it has a dirty image"

cat >"$LAB/snapshot.xml" <<END
<domainsnapshot><name>monday</name><state>disk-snapshot</state><creationTime>1</creationTime>
<disks><disk name='hda' snapshot='external'><source file='$LAB/monday'/></disk><disk name='hdb' snapshot='no'/></disks>$(virsh dumpxml web --inactive)</domainsnapshot>
END
virsh snapshot-create web "$LAB/snapshot.xml" --redefine
refuses "snapshot 'monday' & $old & virsh snapshot-delete" web
virsh snapshot-delete web monday --metadata
cat >"$LAB/checkpoint.xml" <<END
<domaincheckpoint><name>tuesday</name><creationTime>1</creationTime>
<disks><disk name='hda' checkpoint='no'/><disk name='hdb' checkpoint='no'/></disks>$(virsh dumpxml web --inactive)</domaincheckpoint>
END
virsh checkpoint-create web "$LAB/checkpoint.xml" --redefine
refuses "checkpoint 'tuesday' & $old & virsh checkpoint-delete" web
virsh checkpoint-delete web tuesday --metadata
ok "refused: a snapshot or a checkpoint names the path"

# An overlay of another domain's, made while that was off.
lab_domain other "$pool/web" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
virsh snapshot-create-as other wednesday --disk-only
refuses "'web' & external snapshot & 'other'" web
virsh snapshot-delete other wednesday --metadata
virsh undefine other
rm "$pool/web.wednesday"
ok "refused: the volume is below an overlay"

# Somebody edits the definition while the question waits for its answer.
said="$LAB/question"
: >"$said"
{
    # shellcheck disable=SC2094
    eventually 20 grep -q "definitions of" "$said"
    virsh desc web --config "edited meanwhile" >/dev/null
    echo y
} | script -qefc "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" repath qubes web)" /dev/null >"$said" || :
expect "changed meanwhile" cat "$said"
expect "edited meanwhile" definition web
expect "'$old'" definition web
ok "refused: the definition was edited since it was shown"

# --- changed

definition web | sed "s|$old|$pool/web|; s|$pool/volumes/data-dirty.img|$pool/data|" >"$LAB/wanted"
definition plain >"$LAB/before"
document 0 repath --yes qubes
has "done True ['web'] []" outcome changed redefined refused
definition web | diff "$LAB/wanted" - || die "more than the paths has changed"
keeps plain
expect "There is nothing to change" tool repath --yes qubes web
count=$(counter "$pool/web")
guest_run web
workers_done
expect_exactly $((count + 1)) counter "$pool/web"
ok "the paths of its disks are changed, and nothing else; it runs on the same volumes"

# Passwords stay; a name that XML has to quote, and a volume that has no link while its domain is off.
lab_domain third "$pool/volumes/snap-dirty.img $pool/volumes/a&amp;b-dirty.img" |
    sed "s|<memballoon|<graphics type='vnc' passwd='secret'/>&|" >"$LAB/third.xml"
virsh define "$LAB/third.xml"
answer_third=$(tool repath --yes qubes third)
expect "$pool/volumes/a&b-dirty.img -> $pool/a&b" echo "$answer_third"
expect "passwd='secret'" definition third
expect "'$pool/a&amp;b'" definition third
expect "'$pool/snap'" definition third
virsh undefine third
ok "so are a hostile name's and a snapshot volume's, and passwords stay"

# --- and back

form
guest_run web
workers_done
answer y >"$LAB/said"
expect "definition of domain web is changed" cat "$LAB/said"
definition web | sed "s|$pool/web|$old|; s|$pool/data|$pool/volumes/data-dirty.img|" >"$LAB/wanted"
definition web | diff "$LAB/wanted" - || die "not the former paths"
expect "$old" virsh domblklist web
guest_run web
workers_done
form "<reflink:paths form='link'/>"
ok "in a pool that has no links any more the former paths come back"

# --- what it is for

create_volume qubes left 1048576
lab_domain left "$pool/volumes/left-dirty.img" >"$LAB/left.xml"
virsh define "$LAB/left.xml"
virsh undefine left --remove-all-storage 2>"$LAB/said" # by the old path virsh finds no volume
[ -e "$(image left)" ]
tool repath --quiet --yes "$pool" "$(virsh domuuid web)"
virsh vol-delete snap qubes
virsh undefine web --remove-all-storage
expect_not web volumes qubes
[ ! -e "$(image web)" ]
[ ! -e "$pool/volumes/data.img" ]
ok "undefine --remove-all-storage removes the volumes"

documents_fit || die "a document is not as the schema says"
ok "the documents are as the schema says"
done_testing
