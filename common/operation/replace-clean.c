/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replace-clean.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/image-id.h"
#include "common/fs/tmpfile.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/image/reader.h"
#include "common/pool/writers.h"

/* *@ret_base is NULL without an error where there is no clean image now. */
static bool
open_base(const RlVolume *volume, RlBase **ret_base, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlBase) base = rl_base_open(volume, &cause);

    *ret_base = NULL;
    if (g_error_matches(cause, RL_ERROR, RL_ERROR_STATE))
        return true;
    if (!base) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!rl_base_require_unwritten(base, error))
        return false;
    *ret_base = g_steal_pointer(&base);
    return true;
}

/* The new image, complete and durable; -1 with @error. */
static int
make(const RlVolume *volume, const RlBase *base, const RlReshape *how, GError **error)
{
    rl_autofd int fd = rl_dirty_make(volume, base, error);
    uint64_t highest;

    if (fd < 0 || !rl_new_revision_highest(volume, base->fd, &highest, error) ||
        !rl_image_id_new(fd, highest, error) ||
        (how->reshape && !how->reshape(fd, volume, how->data, error)))
        return -1;
    if (fsync(fd) < 0) {
        rl_fail_errno(error, errno, "volume '%s': cannot make its new image durable",
                      volume->name->volume);
        return -1;
    }
    return rl_tmpfile_seal(&fd, error) ? rl_fd_steal(&fd) : -1;
}

bool
rl_replace_clean(RlVolume *volume, const RlReshape *how, bool *ret_done, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(volume->name->leaf);
    g_autoptr(RlBase) base = NULL;

    *ret_done = false;
    if (!open_base(volume, &base, error))
        return false;
    if (!base)
        return true;
    rl_autofd int fd = make(volume, base, how, error);
    if (fd < 0)
        return false;

    g_autoptr(RlLock) lock = rl_volume_lock(volume, how->purpose, error);
    if (!lock)
        return false;
    if (!volume->clean.there || volume->dirty.there || !rl_base_is_current(base, volume))
        return true;
    if (!rl_reader_settle(base->fd, volume->name->volume, RL_CLEAN_PATIENCE_MS, error) ||
        !rl_access_copy(base->fd, fd, error) ||
        !rl_new_revision_keep_highest(volume, base->fd, fd, error) ||
        !rl_tmpfile_replace(fd, volume->dir, temp, volume->clean_file, error))
        return false;
    *ret_done = true;
    return true;
}
