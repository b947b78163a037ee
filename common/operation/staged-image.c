/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "staged-image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "begin-replacement.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/image-id.h"
#include "common/fs/dirfd.h"
#include "common/fs/file-error.h"
#include "common/fs/file-size-limit.h"
#include "common/fs/inode.h"
#include "common/fs/reflink.h"
#include "common/fs/xattr.h"
#include "common/image/reader.h"
#include "common/image/short-path.h"
#include "common/pool/capacity.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "stop.h"

/* How often a directory may be removed by the time that there is a file in it. */
#define ATTEMPTS_MAX 8

/* Makes the directory and the file in it. Its last volume may be deleted by somebody else in
 * between, and the directory with it: then once more. */
static bool
open_file(RlStagedImage *draft, const RlAccess *access, GError **error)
{
    g_autofree char *final = rl_file_name(draft->name->leaf, RL_FILE_CLEAN);

    for (int i = 1;; i++) {
        g_autoptr(GError) cause = NULL;
        rl_fd_close(&draft->dir);
        draft->dir = rl_dirfd_make(draft->pool->root, draft->name->dir, &cause);
        if (draft->dir >= 0)
            draft->fd = rl_tmpfile_open_for(draft->dir, final, access, &cause);
        if (draft->fd >= 0)
            return true;
        if (!rl_error_is_errno(cause, ENOENT) || i == ATTEMPTS_MAX) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }
}

/* Without its image a volume may still have its history, and in the precache a copy of what was
 * lost. A deletion leaves neither (delete.h), so the image was lost or moved away. */
bool
rl_staged_check_remains(const RlVolume *volume, GError **error)
{
    const char *name = volume->name->volume;
    g_autoptr(GPtrArray) revisions = NULL;

    if (volume->dir < 0)
        return true;
    revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    if (revisions->len) {
        g_autofree char *last =
            rl_revision_name(g_ptr_array_index(revisions, revisions->len - 1), name);
        return rl_fail(
            error, RL_ERROR_STATE,
            "cannot create volume '%s': revision '%s' of an earlier volume of that name "
            "exists. Clone the revision to another name, rename its file to '%s' to have that "
            "volume again, or delete all its revisions",
            name, last, volume->clean_file);
    }
    return !volume->precache.there ||
           rl_fail(error, RL_ERROR_STATE,
                   "cannot create volume '%s': '%s' is there, and may be the only copy of an image "
                   "that was lost. Rename it to '%s' to have that volume again, or remove it",
                   name, volume->precache_file, volume->clean_file);
}

/* Early, since what is to be copied may be large. */
static bool
check_new_volume(const RlVolume *volume, GError **error)
{
    if (rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_EXISTS, "volume '%s' exists already. Choose another name",
                       volume->name->volume);
    return rl_staged_check_remains(volume, error) &&
           rl_short_path_require_free(volume->pool, volume->name, error);
}

static void
note_images(RlStagedImage *draft, const RlVolume *volume)
{
    if (volume->clean.there)
        rl_inode_describe(volume->dir, volume->clean_file, &draft->known[0], NULL);
    if (volume->dirty.there)
        rl_inode_describe(volume->dir, volume->dirty_file, &draft->known[1], NULL);
}

static bool
check_new_label(const RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    g_autofree char *file = rl_file_name_label(draft->name->leaf, draft->name->label);
    struct stat st;
    bool there;

    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' to make a revision of",
                       volume->name->volume);
    if (volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT)
        return rl_fail(error, RL_ERROR_UNSUPPORTED, "volume '%s' is %s: it has no revisions",
                       volume->name->volume, rl_kind_to_string(volume->kind));
    if (!rl_dirfd_stat(volume->dir, file, &there, &st, error))
        return false;
    if (there)
        return rl_fail(error, RL_ERROR_EXISTS,
                       "revision '%s' exists already. Choose another label, or delete it first",
                       draft->name->text);
    return true;
}

bool
rl_staged_check_replaceable(const RlVolume *volume, GError **error)
{
    const char *name = volume->name->volume;

    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'", name,
                       volume->pool->path);
    if (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "volume '%s' is %s: its content cannot be replaced", name,
                       rl_kind_to_string(volume->kind));
    if (!rl_state_require_idle(volume, "given other content", error))
        return false;
    if (!rl_state_require_clean(volume, error))
        return false;
    return !volume->dirty.there || rl_state_refuse_left(volume, " that was not committed", error);
}

static bool
refuse_changed(const char *name, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' was changed meanwhile: its content was not replaced. Try again",
                   name);
}

bool
rl_staged_check_unchanged(const RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    const char *name = volume->name->volume;
    g_autofree char *id = NULL;

    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND,
                       "volume '%s' was deleted meanwhile: its content was not replaced", name);
    if (!rl_state_require_idle(volume, "given other content", error))
        return false;
    if (volume->dirty.there)
        return rl_fail(
            error, RL_ERROR_STATE,
            "volume '%s' was started meanwhile: its content was not replaced. Stop it, then try "
            "again",
            name);
    if (!volume->clean.there || !rl_stat_same(&volume->clean.st, &draft->replaced))
        return refuse_changed(name, error);
    /* A direct volume's run would write to this same file, which gets another id at its end. */
    if (!rl_image_id_get(draft->replaced_fd, &id, error))
        return false;
    if (g_strcmp0(id, draft->replaced_id) != 0)
        return refuse_changed(name, error);
    /* A program that wrote to it in place, and has closed it since, leaves both as they were. */
    if (!rl_stat_same_date(&volume->clean.st, &draft->replaced) ||
        volume->clean.st.st_size != draft->replaced.st_size)
        return refuse_changed(name, error);
    return rl_clean_require_unwritten(name, volume->clean_file, draft->replaced_fd, 0, error) &&
           rl_reader_settle(draft->replaced_fd, name, RL_CLEAN_PATIENCE_MS, error);
}

/* What there is already may forbid it. */
static bool
check_new(RlStagedImage *draft, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, error);

    if (!volume)
        return false;
    switch (draft->name->form) {
    case RL_NAME_HEAD:
        return check_new_volume(volume, error);
    case RL_NAME_LABEL:
        note_images(draft, volume);
        return check_new_label(draft, volume, error);
    case RL_NAME_CURRENT:
        return rl_staged_check_replaceable(volume, error);
    case RL_NAME_REVISION:
        return rl_fail(
            error, RL_ERROR_NAME,
            "'%s': only commits make numbered revisions. Use a label that is not a number",
            draft->name->text);
    }
    g_assert_not_reached();
}

RlStagedImage *
rl_staged_begin(RlPool *pool, const char *text, GError **error)
{
    g_autoptr(RlStagedImage) draft = g_new0(RlStagedImage, 1);

    draft->pool = pool;
    draft->dir = draft->fd = draft->replaced_fd = -1;
    draft->name = rl_name_parse(text, error);
    if (!draft->name || !check_new(draft, error))
        return NULL;
    return g_steal_pointer(&draft);
}

bool
rl_staged_open(RlStagedImage *draft, const RlAccess *access, GError **error)
{
    /* The access of what is no new volume is the volume's, and is given when it is published. */
    const RlAccess until_then = RL_ACCESS_DEFAULT;
    bool new_volume = draft->name->form == RL_NAME_HEAD;

    if (new_volume) {
        rl_autofd int there = rl_dirfd_open(draft->pool->root, draft->name->dir, NULL);
        draft->made_dir = there < 0;
    }
    return open_file(draft, new_volume ? access : &until_then, error) &&
           (draft->name->form != RL_NAME_CURRENT || rl_replace_begin(draft, error));
}

RlStagedImage *
rl_staged_new(RlPool *pool, const char *text, const RlAccess *access, GError **error)
{
    g_autoptr(RlStagedImage) draft = rl_staged_begin(pool, text, error);

    return draft && rl_staged_open(draft, access, error) ? g_steal_pointer(&draft) : NULL;
}

/* A dirty image that is being committed has the id that it will have. */
static bool
note_source(RlStagedImage *draft, int from, GError **error)
{
    g_autofree char *base = NULL, *id = NULL;

    if (draft->name->form != RL_NAME_LABEL)
        return true;
    if (!rl_xattr_get(from, RL_ATTR_BASE, &base, error) || !rl_image_id_get(from, &id, error))
        return false;
    if (fstat(from, &draft->copied) < 0)
        return rl_fail_file(error, errno, from, "cannot examine");
    g_free(draft->copy_of);
    draft->copy_of = base ? NULL : g_steal_pointer(&id);
    return true;
}

/* Of one that was edited meanwhile no state is known. */
static void
forget_edited_source(RlStagedImage *draft, int from)
{
    struct stat now;

    if (!draft->copy_of || (fstat(from, &now) == 0 && now.st_size == draft->copied.st_size &&
                            rl_stat_same_date(&now, &draft->copied)))
        return;
    g_clear_pointer(&draft->copy_of, g_free);
}

bool
rl_staged_fill(RlStagedImage *draft, int from, uint64_t capacity, bool may_copy, GError **error)
{
    const RlCopyWatch watch = {draft->go_on, draft->go_on_data, draft->pool->progress};
    struct stat st;

    if (!note_source(draft, from, error) ||
        !rl_reflink_or_copy(from, draft->fd, may_copy, &watch, error)) {
        g_prefix_error(error, "cannot make '%s': ", draft->name->text);
        return false;
    }
    forget_edited_source(draft, from);
    if (fstat(draft->fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine the new '%s'", draft->name->text);
    capacity = rl_capacity_round_for(draft->name->text, MAX((uint64_t) st.st_size, capacity));
    if (!rl_limit_allows_size(draft->fd, capacity, error))
        return false;
    if ((uint64_t) st.st_size < capacity && ftruncate(draft->fd, (off_t) capacity) < 0)
        return rl_fail_errno(error, errno, "cannot set the size of the new '%s'",
                             draft->name->text);
    return true;
}

void
rl_staged_free(RlStagedImage *draft)
{
    if (!draft)
        return;
    bool unfinished = draft->fd >= 0;
    if (!draft->kept)
        rl_tmpfile_discard(draft->fd, draft->dir);
    rl_fd_close(&draft->fd);
    rl_fd_close(&draft->dir);
    rl_fd_close(&draft->replaced_fd);
    if (unfinished && draft->linked)
        rl_replace_undo(draft);
    if (draft->name && draft->made_dir)
        rl_dirfd_remove_empty(draft->pool->root, draft->name->dir);
    g_free(draft->replaced_id);
    g_free(draft->copy_of);
    g_free(draft->known[0]);
    g_free(draft->known[1]);
    g_free(draft->origin);
    g_free(draft->path);
    rl_name_free(draft->name);
    rl_pool_close(draft->pool);
    g_free(draft);
}
