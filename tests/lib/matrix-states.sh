# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Volumes in each state, for the matrix: to be sourced after lab.sh, pool.sh and kinds.sh. All cells
# of one kind and state are a batch: a pool "m" at $POOL with the volume OP/v for each operation OP,
# or OP in a pool whose paths are links.

OWN=00000000-0000-4000-8000-00000000000a
OTHER=00000000-0000-4000-8000-00000000000b

# --- virsh that stays: a process for each call would take most of the time.

api_begin()
{
    coproc VIRSH { TERM=dumb exec stdbuf -oL virsh -c qemu:///system 2>&1; }
    exec 7<&"${VIRSH[0]}" 8>&"${VIRSH[1]}" # unlike the shell's own these are there in subshells
}

# api COMMAND...: virsh; prints what it says.
api()
{
    local line said= status=0

    printf '%s\necho @@END\n' "$*" >&8
    until
        IFS= read -r -t 60 line <&7 || die "virsh does not answer: $*"
        [[ $line == *"virsh # echo @@END" ]]
    do
        [[ $line != error:* ]] || status=1
        [[ $line == *"virsh # "* || $line == @@END ]] || said+=$line$'\n'
    done
    printf '%s' "$said"
    return $status
}

# place OP: sets $volume to the name of that volume, and $image to the path of its files.
place()
{
    volume=$1/v image=$POOL/$1/v
    ! has_links "$state" || volume=$1 image=$POOL/volumes/$1
}

# --- Contents. Files of one letter, and then zeros; 0 is zeros only.

declare -A letters

make_contents()
{
    local letter

    for letter in 0 Z A D E S O U; do
        : >"$LAB/$letter"
        [ $letter = 0 ] || head -c 131072 /dev/zero | tr '\0' $letter >"$LAB/$letter"
        letters_of "$letter" "" 1M
        letters_of "$letter" + 2M
        letters_of "$letter" - 512K
        truncate -s 1M "$LAB/$letter"
    done
}

letters_of()
{
    local sum

    truncate -s "$3" "$LAB/$1"
    sum=$(md5sum <"$LAB/$1")
    letters[${sum%% *}]=$1$2
}

# fill IMAGE LETTER: as a guest writes.
fill()
{
    head -c 131072 "$LAB/$2" 1<>"$1"
}

# letter_of FILE: which content it has, "A" with 1 MiB, "A+" with 2 MiB, "A-" with 512 KiB.
letter_of()
{
    local sum

    sum=$(md5sum <"$1")
    echo "${letters[${sum%% *}]:-unknown}"
}

# look OP: sets $has to all images of the volume of that operation, as "1=Z clean=A dirty=D keep=Z". The precache
# is only said where it is not what it is to be.
look()
{
    local sum file role sums letter leaf volume image precache=
    local -A known=()

    place "$1"
    leaf=${image##*/}
    sums=$(cd "${image%/*}" && shopt -s nullglob && set -- "$leaf".img* "$leaf"-{dirty,precache,import}.im[g] &&
        [ $# -eq 0 ] || md5sum -- "$@")
    while read -r sum file; do
        letter=${letters[${sum:-none}]:-unknown}
        [ -z "$file" ] || file=v${file#"$leaf"}
        case $file in
        '') ;;
        v.img) known[clean]=$letter ;;
        v-dirty.img) known[dirty]=$letter ;;
        v-precache.img) precache=$letter ;;
        v.img.*@*) role=${file#v.img.} && known[${role%%@*}]=$letter ;;
        v.img@*) known[${file#v.img@}]=$letter ;;
        *) known[$file]=$letter ;;
        esac
    done <<<"$sums"
    [[ -z $precache || "${known[*]} S" == *$precache* ]] || known[precache]=$precache
    ordered
}

# ordered: sets $has to what is in the array "known".
ordered()
{
    local role

    has=
    for role in 1 2 clean dirty keep label; do
        [ -z "${known[$role]:-}" ] || has+=" $role=${known[$role]}"
        unset "known[$role]"
    done
    for role in "${!known[@]}"; do
        [ -z "${known[$role]}" ] || has+=" $role=${known[$role]}"
    done
    has=${has# }
}

# listing_of_pool: what is in it; the time of the last change tells attributes as well.
listing_of_pool()
{
    find "$POOL" -type f -printf '%P %i %n %m %U %G %s %T@ %C@\n' | sort
}

# notes: all that is noted on the dirty image, but for the announcement of a restore, and when that was
# noted.
notes()
{
    getfattr --absolute-names --dump --match=libvirt-reflink "$image-dirty.img" 2>/dev/null |
        grep -v '\.restore=' | sed 's/\\012noted=[0-9]*//' || true
}

# --- Waiting.

writers=0 # uploads that are going on

# settled: neither hook's workers nor threads of the daemon have anything left to do; libvirt's own
# "vol-refresh" makes its list true after an upload. One look could miss the thread that a thread starts
# with its last breath.
settled()
{
    until has_settled && has_settled; do
        sleep 0.01
    done
}

has_settled()
{
    local names

    names=$(grep -s -x -h -E '50-reflink|libvirt-reflink|reflink-(later|writer)|vol-refresh' \
        /proc/[1-9]*/comm /proc/"$LIBVIRTD_PID"/task/*/comm) || return 0
    [ $writers = 0 ] || names=${names/reflink-writer/}
    [[ $names != *[a-z]* ]]
}

# --- A batch.

# The model of a volume, at rest.
make_model()
{
    case $kind in
    snapshot)
        create_snapshot m model/v "$POOL/by/source.img"
        "$STAGE_DIR/bin/virt-reflink" start "$POOL" model/v
        "$STAGE_DIR/bin/virt-reflink" stop "$POOL" model/v # there is a precache now
        ;;
    volatile) api vol-create-as m model/v 1M ;;
    *)
        api vol-create-as m model/v 1M
        fill "$POOL/model/v.img" Z
        api vol-clone --pool m model/v model/v@keep
        api vol-clone --pool m by/head model/v@current
        ;;
    esac >/dev/null
    settled
}

# begin_batch KIND STATE OP...
begin_batch()
{
    local op name volume image
    kind=$1 state=$2
    shift 2

    POOL=$dir/$kind-$state
    pool_document m "$POOL" "<reflink:revisions keep='5'/>$(path_form)
        <reflink:volume match='*/v' kind='$(model_kind)'/>" >"$LAB/m.xml"
    for name in "define $LAB/m.xml" "build m" "start m"; do
        api "pool-$name" >/dev/null
    done
    for name in source:S stander:O head:A; do
        api vol-create-as m "by/${name%:*}" 1M >/dev/null
        api vol-upload "by/${name%:*}" "$LAB/${name#*:}" --pool m --sparse >/dev/null
    done
    make_model
    for op in "$@"; do
        place "$op"
        mkdir -p "${image%/*}"
        for name in "$POOL"/model/v*; do
            cp --archive --reflink=always "$name" "$image${name#"$POOL/model/v"}"
        done
        [ "$state" != edited ] || rm -f "$image-precache.img" # a copy of it has no state before an edit
    done
    place delete
    is_revision || rm -f "$image.img@keep"
    api pool-refresh m >/dev/null
    enter_batch "$@"
}

path_form()
{
    ! has_links "$state" || echo "<reflink:paths form='link'/>"
}

is_revision()
{
    [ "$kind" = automatic ] || [ "$kind" = named ]
}

model_kind()
{
    case $kind in
    volatile | direct) echo "$kind" ;;
    *) echo persistent ;;
    esac
}

# What brings all volumes of the batch into its state.
enter_batch()
{
    local images=() op volume image

    case $state in
    stopped | uploading | cloning | unlinked) return ;;
    foreign) put_files "$@" && return ;;
    esac
    for op in "$@"; do
        place "$op"
        images+=("$image-dirty.img")
    done
    overlaid=no domain_xml own "${images[@]}" | hook own prepare begin
    for op in "${images[@]}"; do
        [ "$state" = edited ] || fill "$op" D
    done
    case $state in
    saved) domain_ended own saved "${images[@]}" && settled ;;
    below) domain_ended own destroyed "${images[@]}" && settled ;;
    suspect) setfattr -n trusted.libvirt-reflink.hold -v suspect "${images[@]}" ;;
    left | orphan | misled) leave "${images[@]}" ;;
    edited) domain_ended own destroyed "${images[@]}" && settled ;; # nothing was written: precaches
    esac
    [ "$state" != orphan ] || rm "${images[@]/%-dirty.img/.img}"
}

# Another program puts files in the place of all links.
put_files()
{
    local op

    for op in "$@"; do
        rm "$POOL/$op"
        echo another >"$POOL/$op"
    done
    api pool-refresh m >/dev/null
}

# What a crash has left of the cell's link, or what another program does to its clean image.
# The temporary is that of a turning. A refresh, which an upload is followed by, would put that right.
change()
{
    ! has_links "$state" || [ "$state" = foreign ] || link_is_right "$op" || wrong "it had another link"
    case $state in
    unlinked) rm "$POOL/$op" ;;
    misled)
        ln -sfn "volumes/$op.img" "$POOL/$op"
        ln -s "volumes/$op-dirty.img" "$POOL/$op.img~0a1b2c"
        ;;
    edited) fill "$image.img" E ;;
    esac
}

# The run was in another boot of the host. Each image has a note of its own, which names its inode.
leave()
{
    local file run

    for file in "$@"; do
        run=$(note "$file" run)
        setfattr -n trusted.libvirt-reflink.run \
            -v "$(sed 's/^boot=.*/boot=00000000-dead-4000-8000-000000000000/' <<<"$run")"$'\nnoted='$(date +%s%6N)$'\n' "$file"
    done
}

# initial OP: sets $had to what the volumes of the batch have in their state, as look() says it.
initial()
{
    local -A known=([1]=Z [clean]=A [dirty]=D [keep]=Z)
    local has

    case $kind in
    snapshot | volatile) known=([dirty]=D) ;;
    direct) [[ $state == @(stopped|uploading|cloning|unlinked|foreign) ]] || known[clean]= ;;
    esac
    case $state in
    stopped | uploading | cloning | unlinked | foreign) known[dirty]= ;;
    edited) known[dirty]= known[clean]=E known[precache]=A ;;
    orphan) known[clean]= ;;
    esac
    [ "$1" != delete ] || is_revision || known[keep]=
    ordered
    had=$has
}

# end_batch: the daemon's list is true without a refresh; then the pool goes. What is done without
# libvirt it sees with the next vol-info.
end_batch()
{
    local before op

    [ ! -d "$POOL/cmd-stop" ] || api vol-info cmd-stop/v m >/dev/null
    for op in start start-other cmd-start; do
        [ ! -e "$POOL/volumes/$op.img" ] || api vol-info $op m >/dev/null
    done
    before=$(api vol-list m | sort)
    api pool-refresh m >/dev/null
    ! has_links "$state" || links_are_right
    diff <(echo "$before") <(api vol-list m | sort) ||
        die "$kind, $state: the daemon's list was not what is on disk"
    api pool-destroy m >/dev/null
    api pool-undefine m >/dev/null
    rm -rf --one-file-system "$POOL"
}
