/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unplugged.h"

#include "common/base/error.h"
#include "common/fs/lease.h"
#include "common/pool/opened-image.h"
#include "common/pool/volume-state.h"

/* As the end of the domain does it (check_noted() in backend/hook/end-volume.c). */
bool
rl_unplugged_require_free(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !rl_dirty_image_open(volume, &image, error))
        return false;
    if (image.fd < 0)
        return true;
    if (!rl_state_require_not_below(&image, "detached", error))
        return false;
    /* Of those who share what is only read the last one ends it. */
    bool shared = image.run && image.run->readonly;
    return shared || !rl_lease_has_opener(image.fd) ||
           rl_fail(error, RL_ERROR_BUSY, "volume '%s': a process still has its dirty image open",
                   name);
}
