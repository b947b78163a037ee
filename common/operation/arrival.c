/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arrival.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/format/image-overlays.h"
#include "common/image/temporary-files.h"
#include "common/pool/volume-state.h"

static bool
confirm(const RlPool *pool, const char *name, const RlDomainRef *owner, bool came, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !rl_dirty_image_lock(volume, "confirm a migration", &image, error))
        return false;
    RlImageOwner *run = image.run;
    if (!rl_dirty_image_is_of(&image, owner) || !run->arriving)
        return true;
    if (!came && run->continued && rl_state_is_half(volume, run))
        return rl_state_refuse_half(volume, "started", error);
    run->arriving = false;
    return rl_image_owner_put_back(image.fd, run, error);
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

bool
rl_volume_expect_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                         GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !rl_dirty_image_lock(volume, "expect a migration", &image, error))
        return false;
    RlImageOwner *run = image.run;
    if (!rl_dirty_image_is_of(&image, owner) || run->readonly || run->arriving)
        return true;
    if (run->continued)
        return rl_state_refuse_left(volume, ", which a migration to this host would overwrite",
                                    error);
    run->arriving = true;
    run->written = true;
    return rl_image_owner_put_back(image.fd, run, error) &&
           (fsync(image.fd) == 0 ||
            rl_fail_errno(error, errno, "volume '%s': cannot record that a migration brings it",
                          name));
}

/* What was made for the migration goes, or waits for a person. */
static bool
drop(const RlDirtyImage *image, bool *ret_done, GError **error)
{
    const RlVolume *volume = image->volume;
    RlImageOwner *run = image->run;
    bool only_image = volume->kind == RL_KIND_DIRECT ||
                      (volume->kind == RL_KIND_PERSISTENT && !volume->clean.there);
    g_autofree char *below = rl_overlays_find_other(image->below, NULL);

    /* What does not say itself that it was to arrive may be what a guest has run on. */
    *ret_done = run->arriving;
    if (!run->arriving)
        return true;
    bool made = !run->continued && !run->readonly && image->mark == RL_MARK_NONE && !below;
    return made && !only_image ? rl_dirty_drop(volume, error)
                               : rl_image_owner_leave(image->fd, run, error);
}

/* One rename, which drops it under a temporary name: a crash leaves the image, marked as one that
 * was to arrive, or nothing of it. */
bool
rl_volume_drop_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                       bool *ret_done, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    *ret_done = true;
    if (!volume || !rl_dirty_image_lock(volume, "end a migration", &image, error))
        return false;
    volume->actor = owner->name;
    if (!rl_dirty_image_is_of(&image, owner))
        return true;
    if (rl_image_owner_is_open(image.run, image.fd))
        return rl_fail(
            error, RL_ERROR_BUSY,
            "volume '%s': a process still has its dirty image open. End that process first", name);
    g_autofree char *domain = rl_dirty_image_find_own_overlay(&image, owner);
    if (domain) {
        *ret_done = false;
        return true;
    }
    return drop(&image, ret_done, error);
}
