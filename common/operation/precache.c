/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "precache.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/lease.h"
#include "common/fs/tmpfile.h"
#include "common/image/dirty-image.h"
#include "common/image/trash.h"
#include "unshare.h"

static bool
precache_is_wanted(const RlVolume *volume)
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
    g_autoptr(RlBase) base = precache_is_wanted(volume) ? rl_base_open(volume, NULL) : NULL;
    if (base && rl_precache_is_valid(volume, base, &fd) &&
        !rl_unshare_is_others(volume, fd, NULL, false))
        return true;
    *ret_wanted = base && !rl_lease_has_writer(base->fd);
    return rl_file_drop(volume, volume->precache_file, error);
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
        return rl_fail_errno(error, errno, "volume '%s': cannot make its precache durable",
                             volume->name->volume);

    g_autoptr(RlLock) lock = rl_volume_lock(volume, "make the precache", error);
    if (!lock)
        return false;
    if (!precache_is_wanted(volume) || volume->precache.there || !rl_base_is_current(base, volume))
        return true;
    if (!rl_tmpfile_link(fd, volume->dir, volume->precache_file, error))
        return false;
    rl_volume_log(volume, "made %s", volume->precache_file);
    rl_fd_close(&fd); /* a start asks whether somebody has it open for writing */
    return true;
}
