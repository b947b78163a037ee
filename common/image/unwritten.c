/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unwritten.h"

#include <string.h>
#include <time.h>

#include "common/base/boot.h"
#include "common/base/error.h"
#include "common/fs/compare-extents.h"
#include "common/fs/file-date.h"

bool
rl_unwritten_date_is_young(const struct stat *clean)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return clean->st_mtim.tv_sec >= now.tv_sec - 1 || rl_date_may_recur(&clean->st_mtim, &now);
}

bool
rl_unwritten_is_in_doubt(const RlImageOwner *run, const RlBase *base)
{
    return !run || run->written || rl_date_is_whole(&base->st.st_mtim) ||
           rl_unwritten_date_is_young(&base->st) || !rl_image_owner_has_true_dates(run, base->fd);
}

/* Where blocks cannot be compared the answer is no. */
static bool
look_at_blocks(int fd, const RlBase *base, uint64_t size, bool *ret_same, GError **error)
{
    const RlExtentsWish wish = {.length = size, .extents_max = RL_UNWRITTEN_EXTENTS_MAX};
    g_autoptr(GError) cause = NULL;

    *ret_same = rl_extents_compare(fd, base->fd, &wish, &cause) == RL_EXTENTS_SAME;
    if (!cause || g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_unwritten_look(const RlDirtyImage *image, const RlBase *base, bool *ret_sure, GError **error)
{
    const struct stat *dirty = &image->volume->dirty.st;
    const RlImageOwner *run = image->run;

    *ret_sure = run && !run->continued && rl_dirty_is_unwritten(image->volume, base, dirty) &&
                g_strcmp0(image->base.id, base->id) == 0;
    return !*ret_sure || !rl_unwritten_is_in_doubt(run, base) ||
           look_at_blocks(image->fd, base, (uint64_t) dirty->st_size, ret_sure, error);
}

bool
rl_unwritten_is_sure(const RlDirtyImage *image, const RlBase *base)
{
    bool sure;

    return rl_unwritten_look(image, base, &sure, NULL) && sure;
}
