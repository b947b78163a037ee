/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "writers.h"

#include <errno.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/lease.h"
#include "common/fs/openers.h"
#include "overlay-file.h"

#define STEP_MS 10

static bool
stays_open(int fd, bool (*is_open)(int fd), int patience_ms)
{
    for (int waited_ms = 0; is_open(fd); waited_ms += STEP_MS) {
        if (waited_ms >= patience_ms)
            return true;
        g_usleep(STEP_MS * 1000);
    }
    return false;
}

bool
rl_clean_stays_written(int fd, int patience_ms)
{
    return stays_open(fd, rl_lease_has_writer, patience_ms);
}

bool
rl_clean_require_unwritten(const char *volume, const char *file, int fd, int patience_ms,
                           GError **error)
{
    if (!rl_overlay_require_none(fd, volume, file, error))
        return false;
    if (!stays_open(fd, rl_lease_has_writer, patience_ms))
        return true;
    g_autofree char *opener = rl_opener_describe(fd, RL_OPENERS_WRITING);
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s': %s has its image '%s' open for writing, although images at rest "
                   "must not change. End that process, then try again",
                   volume, opener ? opener : "a process", file);
}

bool
rl_clean_require_unwritten_at(const RlVolume *volume, const char *file, GError **error)
{
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = rl_volume_open_image(volume, file, &cause);

    if (rl_error_is_errno(cause, ENOENT))
        return true;
    if (fd >= 0)
        return rl_clean_require_unwritten(volume->name->volume, file, fd, RL_CLEAN_PATIENCE_MS,
                                          error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_clean_require_unopened_at(const RlVolume *volume, const char *file, GError **error)
{
    if (!rl_clean_require_unwritten_at(volume, file, error))
        return false;
    rl_autofd int fd = rl_volume_open_image(volume, file, NULL);
    if (fd < 0 || !stays_open(fd, rl_lease_has_opener, RL_CLEAN_PATIENCE_MS))
        return true;
    g_autofree char *opener = rl_opener_describe(fd, RL_OPENERS_ALL);
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s': %s has its image '%s' open. End the domain that has it as a disk, "
                   "or the process, then try again",
                   volume->name->volume, opener ? opener : "a process", file);
}

bool
rl_clean_refuse_written(const RlVolume *volume, GError **error)
{
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s': a process has its clean image '%s' open for writing. End that "
                   "process, then try again",
                   volume->name->volume, volume->clean_file);
}

char *
rl_clean_find_writer(const RlVolume *volume, const char *file)
{
    rl_autofd int fd = rl_volume_open_image(volume, file, NULL);

    if (fd < 0 || !rl_lease_has_writer(fd))
        return NULL;
    char *opener = rl_opener_describe(fd, RL_OPENERS_WRITING);
    return opener ? opener : g_strdup("a process");
}

void
rl_clean_name_writer(const RlPool *pool, const char *name, GError **error)
{
    if (!error || !g_error_matches(*error, RL_ERROR, RL_ERROR_BUSY))
        return;
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, NULL);
    g_autofree char *dirty = volume ? rl_clean_find_writer(volume, volume->dirty_file) : NULL;
    g_autofree char *clean = volume ? rl_clean_find_writer(volume, volume->clean_file) : NULL;
    if (!dirty && !clean)
        return;

    g_autoptr(GError) cause = g_steal_pointer(error);
    rl_fail(error, RL_ERROR_BUSY, "%s. Open for writing in %s%s%s", cause->message,
            dirty ? dirty : "", dirty && clean ? ", " : "", clean ? clean : "");
}
