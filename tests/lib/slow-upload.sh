# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# Uploads that stop in the middle: to be sourced after states.sh.

# begin_upload VOLUME [OPTION...]: an upload of the 8 MiB in the file $new to the pool
# "qubes", of which half is there; it goes on when told to.
begin_upload()
{
    rm -f "$LAB/pipe"
    mkfifo "$LAB/pipe"
    env virsh -q -c qemu:///system vol-upload "$1" "$LAB/pipe" --pool qubes "${@:2}" >"$LAB/said" 2>&1 &
    upload=$!
    exec 8>"$LAB/pipe"
    head -c 4M "$new" >&8
    eventually 10 has_drafts "${drafts_wanted:-1}"
}

# end_upload [WORDS]: the rest of it, which succeeds, or fails with them, as fails_with says.
end_upload()
{
    local status=0

    tail -c +$((4194304 + 1)) "$new" >&8 2>/dev/null || true
    exec 8>&-
    wait "$upload" || status=$?
    if [ -z "${1:-}" ]; then
        [ $status = 0 ] || die "the upload failed: $(cat "$LAB/said")"
    else
        [ $status != 0 ] || die "the upload succeeded, and was to fail with /$1/"
        has_words "$1" <"$LAB/said" || die "the upload failed with '$(cat "$LAB/said")'"
    fi
}

# upload_is_gone: the client has ended, whatever came of it.
upload_is_gone()
{
    wait "$upload" 2>/dev/null || true
}
