/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qubes-leftover.h"

#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-mark.h"
#include "common/fs/inode.h"
#include "scan.h"

static bool
is_foreign(const RlVolume *volume)
{
    rl_autofd int fd =
        volume->dirty.there ? rl_volume_open_image(volume, volume->dirty_file, NULL) : -1;
    RlMark hold;

    return fd >= 0 && rl_mark_get(fd, &hold, NULL) && hold == RL_MARK_FOREIGN;
}

bool
rl_peer_left_running(const RlPool *pool, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);

    return volume && is_foreign(volume);
}

/* Is the clean image of @volume one of @other's? */
static bool
is_of(const RlVolume *volume, const RlListed *other)
{
    const struct stat *clean = &volume->clean.st;

    if (other->clean.there && rl_stat_same(&other->clean.st, clean))
        return !rl_peer_left_running(volume->pool, other->name);
    for (guint i = 0; i < other->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(other->revisions, i);
        if (rl_stat_same(&revision->st, clean))
            return true;
    }
    return false;
}

bool
rl_peer_source(const RlVolume *volume, char **ret_source, GError **error)
{
    *ret_source = NULL;
    if (volume->kind != RL_KIND_PERSISTENT || !volume->clean.there ||
        volume->clean.st.st_nlink == 1 || !is_foreign(volume))
        return true;
    g_autoptr(GPtrArray) listed = rl_scan(volume->pool, error);
    if (!listed)
        return false;
    for (guint i = 0; !*ret_source && i < listed->len; i++) {
        const RlListed *other = g_ptr_array_index(listed, i);
        if (strcmp(other->name, volume->name->volume) != 0 && is_of(volume, other))
            *ret_source = g_strdup(other->name);
    }
    return true;
}

bool
rl_peer_refuse(const RlVolume *volume, const char *source, const char *what, GError **error)
{
    const char *name = volume->name->volume;

    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: Qubes OS's driver left it as a running snapshot of "
                   "'%s' when its host crashed. 'virt-reflink discard' drops what its domain wrote "
                   "and makes it a snapshot volume. To keep the writes, first clone them "
                   "(vol-clone %s %s@LABEL, or to a new volume)",
                   name, what, source, name, name);
}
