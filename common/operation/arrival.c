/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arrival.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/image/dirty-image.h"
#include "common/image/trash.h"
#include "common/pool/volume-state.h"

/* Opens the dirty image if @owner runs on it; *@ret_fd is -1 where not. The caller has the lock. */
static bool
open_owned(const RlVolume *volume, const RlDomainRef *owner, int *ret_fd, RlImageOwner **ret_run,
           GError **error)
{
    *ret_fd = -1;
    if (!volume->dirty.there)
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, ret_run, error))
        return false;
    if (*ret_run && rl_image_owner_is_of(*ret_run, owner))
        *ret_fd = rl_fd_steal(&fd);
    return true;
}

static bool
confirm(const RlPool *pool, const char *name, const RlDomainRef *owner, bool came, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "confirm a migration", error) : NULL;
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = -1;

    if (!lock || !open_owned(volume, owner, &fd, &run, error))
        return false;
    if (fd < 0 || !run->arriving)
        return true;
    if (!came && run->continued && rl_state_is_half(volume, run))
        return rl_state_refuse_half(volume, "started", error);
    run->arriving = false;
    return rl_image_owner_put_back(fd, run, error);
}

bool
rl_volume_arrived(const RlPool *pool, const char *name, const RlDomainRef *owner, GError **error)
{
    return confirm(pool, name, owner, true, error);
}

bool
rl_volume_refute_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                         GError **error)
{
    return confirm(pool, name, owner, false, error);
}

/* What was made for the migration goes, or waits for a person. */
static bool
drop(const RlVolume *volume, int fd, RlImageOwner *run, bool *ret_done, GError **error)
{
    bool only_image = volume->kind == RL_KIND_DIRECT ||
                      (volume->kind == RL_KIND_PERSISTENT && !volume->clean.there);
    g_autofree char *below = NULL;
    RlMark hold;

    if (!rl_mark_get(fd, &hold, error) || !rl_overlays_other(fd, NULL, &below, error))
        return false;
    /* What does not say itself that it was to arrive may be what a guest has run on. */
    *ret_done = run->arriving;
    if (!run->arriving)
        return true;
    bool made = !run->continued && !run->readonly && hold == RL_MARK_NONE && !below;
    return made && !only_image ? rl_dirty_drop(volume, error)
                               : rl_image_owner_leave(fd, run, error);
}

/* One rename, which drops it under a temporary name: a crash leaves the image, marked as one that
 * was to arrive, or nothing of it. */
bool
rl_volume_drop_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                       bool *ret_done, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "end a migration", error) : NULL;
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = -1;

    *ret_done = true;
    if (!lock || !open_owned(volume, owner, &fd, &run, error))
        return false;
    volume->actor = owner->name;
    if (fd < 0)
        return true;
    if (rl_image_owner_is_open(run, fd))
        return rl_fail(error, RL_ERROR_BUSY, "volume '%s': somebody still has its dirty image open",
                       name);
    return drop(volume, fd, run, ret_done, error);
}
