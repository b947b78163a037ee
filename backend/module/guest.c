/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#include <string.h>

#include "common/base/log.h"
#include "common/image/short-path.h"
#include "common/pool/volume-state.h"

/* The path that the domain names, as a word of a shell's; owned by the caller. */
static char *
path_of_disk(const RlPool *pool, const char *name, const char *path)
{
    g_autofree char *inside = rl_short_path_made(pool, name);
    g_autofree char *shorter = inside ? g_build_filename(pool->path, inside, NULL) : NULL;
    const char *found = shorter ? shorter : path;

    return strpbrk(found, " '\"\\$&;<>|()*?[]#~`!") ? g_shell_quote(found) : g_strdup(found);
}

void
rl_guest_note_size(const RlPool *pool, const char *name, const char *path)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    g_autoptr(RlImageOwner) run = NULL;
    RlState state;

    if (!volume || !volume->dirty.there || !rl_state_get(volume, &state, &run, NULL))
        return;
    if (state != RL_STATE_RUNNING || !run || strcmp(run->driver, "qemu") != 0)
        return;
    g_autofree char *disk = path_of_disk(pool, name, path);
    rl_log_warning("volume '%s': the guest of domain '%s' sees the new size of the disk only after "
                   "'virsh blockresize %s %s %" G_GUINT64_FORMAT "B'",
                   name, run->name, run->name, disk, (uint64_t) volume->dirty.st.st_size);
}
