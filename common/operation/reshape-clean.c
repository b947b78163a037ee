/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reshape-clean.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/highest-note.h"
#include "common/format/image-id.h"
#include "common/format/image-layer.h"
#include "common/fs/file-error.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/image/new-revision.h"
#include "common/image/reader.h"
#include "common/image/temporary-files.h"
#include "common/pool/left-name.h"
#include "common/pool/volume-state.h"
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

/* The date comes last: everything else that is done to the file would change it. */
static bool
keep_state(int fd, const RlBase *base, GError **error)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, base->st.st_mtim};
    g_autofree char *received = NULL;
    bool is_only = base->st.st_nlink == 1;

    if ((is_only && !rl_xattr_set(fd, RL_ATTR_ID, base->id, error)) ||
        !rl_xattr_get(base->fd, RL_ATTR_RECEIVED, &received, error) ||
        (received && !rl_xattr_set(fd, RL_ATTR_RECEIVED, received, error)))
        return false;
    return futimens(fd, times) == 0 ||
           rl_fail_file(error, errno, fd, "cannot set the modification time of");
}

/* The new image, complete and durable; -1 with @error. */
static int
make(const RlVolume *volume, const RlBase *base, const RlReshape *how, GError **error)
{
    rl_autofd int fd = rl_dirty_make(volume, base, error);
    uint64_t highest;

    if (fd < 0 || !rl_new_revision_highest(volume, base->fd, &highest, error) ||
        !rl_image_id_new(fd, highest, error) ||
        (how->reshape && !how->reshape(fd, base, volume, how->data, error)) ||
        (how->same_state && !keep_state(fd, base, error)))
        return -1;
    if (fsync(fd) < 0) {
        rl_fail_errno(error, errno, "volume '%s': cannot sync its new image", volume->name->volume);
        return -1;
    }
    return rl_tmpfile_seal(&fd, error) ? rl_fd_steal(&fd) : -1;
}

/* What is below an overlay stays, as a revision: the new image has another id, and may be written
 * in place. */
static bool
keep_layer(const RlVolume *volume, const RlBase *base, int fd, GError **error)
{
    uint64_t number;
    bool is_layer, linked;

    if (!rl_image_is_layer(base->fd, &is_layer, error))
        return false;
    if (!is_layer)
        return rl_new_revision_keep_highest(volume, base->fd, fd, error);
    if (!rl_new_revision_number(volume, base->fd, &number, &linked, error) ||
        !rl_new_revision_make(volume, base->fd, linked, &number, error) ||
        !rl_highest_set(fd, number, error))
        return false;
    return fsync(fd) == 0 || rl_fail_errno(error, errno, "volume '%s': cannot sync its new image",
                                           volume->name->volume);
}

/* *@ret_may is false where it is below an overlay: a job may write to that very inode. */
static bool
may_keep_state(const RlVolume *volume, const RlBase *base, bool *ret_may, GError **error)
{
    bool is_layer;

    if (!rl_image_is_layer(base->fd, &is_layer, error))
        return false;
    *ret_may = !is_layer;
    return is_layer || rl_file_drop(volume, volume->precache_file, error);
}

bool
rl_reshape_clean(RlVolume *volume, const RlReshape *how, bool *ret_done, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(volume->name->leaf);
    g_autoptr(RlBase) base = NULL;

    bool may = true;

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
        (how->what && !rl_state_require_no_base(volume, how->what, error)) ||
        !rl_edit_require_none(volume, error) ||
        (how->same_state && !may_keep_state(volume, base, &may, error)))
        return false;
    if (!may)
        return true;
    if (!rl_access_copy(base->fd, fd, error) || !keep_layer(volume, base, fd, error))
        return false;
    /* Our own descriptor is to tell of no reader. */
    g_clear_pointer(&base, rl_base_close);
    if (!rl_left_name_note(volume, error) ||
        !rl_tmpfile_replace(fd, volume->dir, temp, volume->clean_file, error))
        return false;
    *ret_done = true;
    return true;
}
