/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/highest-note.h"
#include "common/format/image-id.h"
#include "common/fs/dirfd.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/pool/volume-state.h"
#include "prune.h"

/* A direct volume's image is written in place as soon as it has its other name, and a start has
 * looked before that, with the lock, whether anybody reads it. So with the lock it is opened: who
 * starts later sees it, and makes an image of its own. */
static RlBase *
open_base(RlVolume *volume, GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "read", error);

    if (!lock || !rl_staged_check_replaceable(volume, error) ||
        !rl_edit_require_none(volume, error))
        return NULL;
    g_autoptr(RlBase) base = rl_base_open(volume, error);
    return base && rl_base_require_unwritten(base, error) ? g_steal_pointer(&base) : NULL;
}

static bool
fill(RlStagedImage *draft, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(draft->pool, draft->name->volume, error);

    if (!volume || !rl_edit_require_kept(volume, error))
        return false;
    g_autoptr(RlBase) base = open_base(volume, error);

    draft->dir = base ? rl_dirfd_open(draft->pool->root, draft->name->dir, error) : -1;
    draft->fd = draft->dir >= 0 ? rl_dirty_make(volume, base, error) : -1;
    if (draft->fd < 0)
        return false;
    draft->replaced = base->st;
    draft->replaced_id = g_steal_pointer(&base->id);
    draft->replaced_fd = rl_fd_steal(&base->fd);
    return rl_image_id_new(draft->fd, 0, error);
}

RlStagedImage *
rl_upload_begin(RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlStagedImage) draft = g_new0(RlStagedImage, 1);

    draft->pool = pool;
    draft->dir = draft->fd = draft->replaced_fd = -1;
    draft->name = rl_name_parse(name, error);
    if (!draft->name)
        return NULL;
    if (draft->name->form != RL_NAME_HEAD) {
        rl_fail(error, RL_ERROR_UNSUPPORTED,
                "'%s' is a revision, and revisions are read-only. Clone it to a new volume", name);
        return NULL;
    }
    if (!fill(draft, error))
        return NULL;
    return g_steal_pointer(&draft);
}

/* As in a commit: the clean image gets its second name, then the draft the first. The caller has
 * the lock. */
static bool
swap(RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(draft->name->leaf);
    bool linked;

    /* The number is not fsynced: should it be lost, the names on disk tell it. Nor is what an
     * administrator changed of the access since the beginning. */
    return rl_access_copy(draft->replaced_fd, draft->fd, error) &&
           rl_new_revision_number(volume, draft->replaced_fd, &draft->revision, &linked, error) &&
           rl_new_revision_make(volume, draft->replaced_fd, linked, &draft->revision, error) &&
           rl_highest_set(draft->fd, draft->revision, error) &&
           rl_tmpfile_link(draft->fd, volume->dir, temp, error) &&
           rl_volume_rename(volume, temp, volume->clean_file, error);
}

bool
rl_upload_commit(RlStagedImage *draft, int timeout_ms, GError **error)
{
    g_autoptr(RlLock) lock = rl_lock_take(draft->pool->dev, draft->pool->ino, draft->name->volume,
                                          "replace", timeout_ms, error);
    g_autoptr(RlVolume) volume =
        lock ? rl_volume_open(draft->pool, draft->name->volume, error) : NULL;

    if (!volume || !rl_staged_check_unchanged(draft, volume, error) ||
        !rl_tmpfile_seal(&draft->fd, error))
        return false;
    if (!swap(draft, volume, error))
        return false;
    rl_volume_event(volume, "uploaded", draft->revision,
                    "content was %s%s; the state before is revision %" G_GUINT64_FORMAT,
                    draft->origin ? "received, from " : "uploaded",
                    draft->origin ? draft->origin : "", draft->revision);
    rl_fd_close(&draft->replaced_fd); /* a revision that is open is not pruned */
    /* What cannot be pruned now is pruned after the next commit. */
    if (rl_volume_refresh(volume, NULL))
        rl_volume_prune(volume, rl_options_keep(draft->pool->options, draft->name->volume), NULL);
    rl_fd_close(&draft->fd);
    return true;
}

bool
rl_upload_sync(const RlStagedImage *draft, GError **error)
{
    return rl_dirfd_sync(draft->dir, draft->name->dir, error);
}
