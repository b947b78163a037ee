/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "precache.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-made.h"
#include "common/fs/access.h"
#include "common/fs/compare-extents.h"
#include "common/fs/lease.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/temporary-files.h"
#include "common/image/unwritten.h"
#include "unshare.h"

/* What was made by an earlier version, or copied since. */
static bool
shares_all_blocks(int fd, const RlBase *base, const struct stat *st)
{
    const RlExtentsWish wish = {.length = (uint64_t) st->st_size,
                                .extents_max = RL_UNWRITTEN_EXTENTS_MAX};

    return rl_extents_compare(fd, base->fd, &wish, NULL) == RL_EXTENTS_SAME;
}

/* What was a reflink, once the file system was mounted again. What gives a file other blocks gives
 * it other first ones, too: so many extents tell. */
static bool
still_shares_blocks(int fd, const RlBase *base, const struct stat *st)
{
    const RlExtentsWish wish = {.length = (uint64_t) st->st_size,
                                .extents_max = RL_UNWRITTEN_EXTENTS_MAX};
    g_autoptr(GError) cause = NULL;
    RlExtents found = rl_extents_compare(fd, base->fd, &wish, &cause);

    return found == RL_EXTENTS_SAME ||
           (found == RL_EXTENTS_UNKNOWN && g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED));
}

/* Does the date of the clean image, which the precache has, tell of each edit since? */
static bool
is_dated_right(int fd, const RlBase *base, const struct stat *st)
{
    bool if_shared;

    if (!rl_image_made_dates_tell(fd, base->fd, &if_shared))
        return shares_all_blocks(fd, base, st);
    return !if_shared || still_shares_blocks(fd, base, st);
}

bool
rl_precache_is_valid(const RlVolume *volume, const RlBase *base, int *ret_fd)
{
    g_autofree char *id = NULL;
    struct stat st;

    *ret_fd = -1;
    if (!volume->precache.there)
        return false;
    rl_autofd int fd = rl_volume_open_image(volume, volume->precache_file, NULL);
    /* With a second name it may be the image of another volume's domain. */
    if (fd < 0 || fstat(fd, &st) < 0 || !rl_dirty_is_unwritten(volume, base, &st) ||
        st.st_nlink != 1 || !rl_access_is_same(base->fd, fd) ||
        !rl_xattr_get(fd, RL_ATTR_BASE, &id, NULL) || g_strcmp0(id, base->id) != 0 ||
        rl_lease_has_opener(fd))
        return false;
    if (!is_dated_right(fd, base, &st))
        return false;
    *ret_fd = rl_fd_steal(&fd);
    return true;
}

static bool
has_precaches(const RlVolume *volume)
{
    return rl_volume_exists(volume) && !volume->dirty.there &&
           (volume->kind == RL_KIND_PERSISTENT || volume->kind == RL_KIND_SNAPSHOT);
}

bool
rl_precache_clear_stale(const RlVolume *volume, bool *ret_wanted, GError **error)
{
    rl_autofd int fd = -1;

    /* A snapshot whose source is gone or not at rest has no base now; that is no failure of
     * tidying. */
    g_autoptr(RlBase) base = has_precaches(volume) ? rl_base_open(volume, NULL) : NULL;
    if (base && rl_precache_is_valid(volume, base, &fd) &&
        !rl_unshare_is_others(volume, fd, NULL, false))
        return true;
    *ret_wanted = base && !rl_lease_has_writer(base->fd);
    return rl_file_drop(volume, volume->precache_file, error);
}

bool
rl_precache_is_wanted(const RlVolume *volume, const RlBase *base)
{
    return has_precaches(volume) && !volume->precache.there && rl_base_is_current(base, volume);
}

bool
rl_precache_make(RlVolume *volume, GError **error)
{
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    rl_autofd int fd = base ? rl_dirty_make(volume, base, error) : -1;

    if (!base)
        return true;
    if (fd < 0)
        return false;
    /* What is started from it must be there after a crash: so it is durable before it has its name.
     */
    if (fsync(fd) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot sync its precache",
                             volume->name->volume);

    g_autoptr(RlLock) lock = rl_volume_lock(volume, "make the precache", error);
    if (!lock)
        return false;
    if (!rl_precache_is_wanted(volume, base))
        return true;
    if (!rl_tmpfile_link(fd, volume->dir, volume->precache_file, error))
        return false;
    rl_volume_log(volume, "made %s", volume->precache_file);
    rl_fd_close(&fd); /* a start asks whether somebody has it open for writing */
    return true;
}
