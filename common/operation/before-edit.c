/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "before-edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/highest-note.h"
#include "common/format/image-copy.h"
#include "common/format/image-domain.h"
#include "common/format/image-id.h"
#include "common/format/image-layer.h"
#include "common/format/image-made.h"
#include "common/format/image-owner.h"
#include "common/fs/compare-extents.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/project-id.h"
#include "common/fs/xattr.h"
#include "common/image/new-revision.h"
#include "common/image/unwritten.h"
#include "common/pool/capacity.h"
#include "common/pool/writers.h"
#include "prune.h"

/* Both images, as they were opened. */
typedef struct {
    int clean, precache;
    struct stat clean_st, precache_st, before; /* before: what is noted of the clean image */
    char *id;
    RlImageBase base;
} Edit;

static void
edit_clear(Edit *edit)
{
    rl_fd_close(&edit->clean);
    rl_fd_close(&edit->precache);
    g_free(edit->id);
    rl_image_base_free_members(&edit->base);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Edit, edit_clear)

static bool
keeps_any(const RlVolume *volume)
{
    const RlRetention *keep = rl_options_keep(volume->pool->options, volume->name->volume);

    return keep->newest > 0 || keep->hourly > 0 || keep->daily > 0 || keep->weekly > 0;
}

static bool
is_of_size(const struct stat *precache, const struct stat *clean)
{
    return (uint64_t) precache->st_size == rl_capacity_round((uint64_t) clean->st_size);
}

bool
rl_edit_may_be(const RlVolume *volume)
{
    return volume->precache.there && volume->clean.there && !volume->dirty.there &&
           volume->kind == RL_KIND_PERSISTENT && keeps_any(volume) &&
           !(rl_stat_same_date(&volume->precache.st, &volume->clean.st) &&
             is_of_size(&volume->precache.st, &volume->clean.st));
}

static bool
open_both(const RlVolume *volume, Edit *edit, GError **error)
{
    edit->clean = rl_volume_open_image(volume, volume->clean_file, error);
    edit->precache =
        edit->clean < 0 ? -1 : rl_volume_open_image(volume, volume->precache_file, error);
    if (edit->precache < 0)
        return false;
    if (fstat(edit->clean, &edit->clean_st) < 0 || fstat(edit->precache, &edit->precache_st) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot examine its images",
                             volume->name->volume);
    return rl_image_id_get(edit->clean, &edit->id, error) &&
           rl_image_base_get(edit->precache, &edit->base, error);
}

/* Was the clean image another one when the precache was made? It has its id still; or a program has
 * put a copy over it with its attributes (cp -a, rsync --inplace -X), and it is that file still. */
static bool
is_edited(const Edit *edit)
{
    if (!edit->base.id || !edit->base.date)
        return false;
    if (g_strcmp0(edit->id, edit->base.id) != 0)
        return rl_image_made_is_of(edit->precache, edit->clean);
    return !rl_image_base_is(&edit->base, edit->id, &edit->clean_st);
}

/* Is the precache still what was made then? */
static bool
is_as_made(Edit *edit)
{
    bool torn;

    return rl_image_owner_is_of_other_inode(edit->precache, &torn, NULL) && !torn &&
           rl_image_base_stat(&edit->base, &edit->before) &&
           rl_stat_same_date(&edit->precache_st, &edit->before) &&
           is_of_size(&edit->precache_st, &edit->before) && edit->precache_st.st_nlink == 1 &&
           rl_image_made_is_own(edit->precache) && !rl_lease_has_writer(edit->precache);
}

/* Then its date alone was changed. */
static bool
shares_all_blocks(const Edit *edit)
{
    const RlExtentsWish wish = {.length = (uint64_t) edit->precache_st.st_size,
                                .extents_max = RL_UNWRITTEN_EXTENTS_MAX};

    return is_of_size(&edit->precache_st, &edit->clean_st) &&
           rl_extents_compare(edit->precache, edit->clean, &wish, NULL) == RL_EXTENTS_SAME;
}

/* Has the precache the state before an edit? */
static bool
look(const RlVolume *volume, Edit *edit, bool *ret_edited, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *ret_edited = false;
    if (!rl_edit_may_be(volume))
        return true;
    if (!open_both(volume, edit, &cause)) {
        /* Somebody was faster, and has looked after it. */
        if (rl_error_is_errno(cause, ENOENT))
            return true;
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *ret_edited = is_edited(edit) && is_as_made(edit) && !shares_all_blocks(edit);
    return true;
}

bool
rl_edit_is(const RlVolume *volume)
{
    g_auto(Edit) edit = {.clean = -1, .precache = -1};
    bool edited;

    return look(volume, &edit, &edited, NULL) && edited;
}

static bool
fail_sync(const RlVolume *volume, const char *file, GError **error)
{
    return rl_fail_errno(error, errno, "volume '%s': cannot sync '%s'", volume->name->volume, file);
}

/* With the lock: is all as it was seen without? Another edit since is no matter. */
static bool
is_current(const RlVolume *volume, const Edit *edit)
{
    return volume->kind == RL_KIND_PERSISTENT && volume->clean.there && volume->precache.there &&
           !volume->dirty.there && rl_stat_same(&volume->clean.st, &edit->clean_st) &&
           rl_stat_same(&volume->precache.st, &edit->precache_st) &&
           rl_stat_same_date(&volume->precache.st, &edit->precache_st) &&
           volume->precache.st.st_nlink == 1 && !rl_lease_has_writer(edit->precache);
}

/* The overlay, or saved memory, that needs the clean image knows it as it was before. */
static bool
note_layer(const Edit *edit, GError **error)
{
    bool is_layer;

    return rl_image_is_layer(edit->clean, &is_layer, error) &&
           (!is_layer || rl_xattr_set(edit->precache, RL_ATTR_LAYER, "1", error));
}

/* What says of which state it is, as of a named revision. That is not said of one that a domain
 * had: its date alone says that nothing was written, and saved memory and overlays would take it
 * for that state. Since when it has its content a precache knows itself where that is not since its
 * birth. */
static bool
note_state(const RlVolume *volume, const Edit *edit, uint64_t number, GError **error)
{
    g_autofree char *id = NULL, *since = NULL;
    int fd = edit->precache;
    bool set;

    /* A start may have been cut off. */
    if (!rl_image_owner_clear(fd, error))
        return false;

    /* What was put over the clean image says that of itself. */
    bool same_id = g_strcmp0(edit->id, edit->base.id) == 0;
    if ((same_id && !rl_xattr_get(edit->clean, RL_ATTR_CLEAN_SINCE, &since, error)) ||
        (since && !rl_xattr_set_new(fd, RL_ATTR_CLEAN_SINCE, since, &set, error)) ||
        !rl_image_id_ensure(fd, &id, error) ||
        (!rl_image_domain_is_any(fd) &&
         !rl_image_copy_note(fd, edit->base.id, &edit->before, error)) ||
        !note_layer(edit, error) || !rl_xattr_set_number(fd, RL_ATTR_HIGHEST, number, error))
        return false;
    return fsync(fd) == 0 || fail_sync(volume, volume->precache_file, error);
}

/* So that it is not given again, whatever the names on disk tell after a power cut. */
static bool
note_number(const RlVolume *volume, const Edit *edit, uint64_t number, GError **error)
{
    return rl_highest_set(edit->clean, number, error) &&
           (fsync(edit->clean) == 0 || fail_sync(volume, volume->clean_file, error));
}

/* An attempt that was cut off has noted its number on both images, and may have come no further. */
static bool
choose_number(const RlVolume *volume, const Edit *edit, uint64_t *ret_number, bool *ret_linked,
              GError **error)
{
    uint64_t noted;

    if (!rl_new_revision_number(volume, edit->clean, ret_number, ret_linked, error) ||
        !rl_xattr_get_number(edit->precache, RL_ATTR_HIGHEST, &noted, error))
        return false;
    if (*ret_linked || noted == 0 || *ret_number != noted + 1)
        return true;
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    if (!rl_revisions_find(revisions, noted, NULL))
        *ret_number = noted;
    return true;
}

static bool
give_name(const RlVolume *volume, const Edit *edit, uint64_t number, GError **error)
{
    g_autofree char *file =
        rl_file_name_revision(volume->name->leaf, number, edit->before.st_mtim.tv_sec);

    if (rl_project_rename(volume->dir, volume->precache_file, file, RENAME_NOREPLACE) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot make revision '%s' of '%s'%s",
                             volume->name->volume, file, volume->precache_file,
                             rl_project_hint(errno));
    rl_volume_log(volume, "renamed %s to %s", volume->precache_file, file);
    return true;
}

static bool
make_revision(RlVolume *volume, const Edit *edit, uint64_t number, GError **error)
{
    if (!note_state(volume, edit, number, error) || !note_number(volume, edit, number, error) ||
        !give_name(volume, edit, number, error) || !rl_volume_sync(volume, error))
        return false;
    /* Not sooner: until it has its name for good it is to be known as the precache. */
    rl_image_base_clear(edit->precache, NULL);
    rl_highest_clear(edit->precache, NULL);
    rl_volume_event(volume, "edited", number,
                    "its clean image was edited at rest; the state before is revision "
                    "%" G_GUINT64_FORMAT,
                    number);
    return true;
}

/* The clean image has the name of its next revision: a replacement was cut off, or is under way and
 * will find that the image was changed. What was edited is no state of before. */
static bool
take_number_back(const RlVolume *volume, const Edit *edit, uint64_t *number, GError **error)
{
    bool linked;

    return rl_new_revision_unlink(volume, edit->clean, *number, error) &&
           choose_number(volume, edit, number, &linked, error);
}

/* With the lock. */
static bool
keep_locked(RlVolume *volume, const Edit *edit, RlEdit *ret_edit, GError **error)
{
    uint64_t number;
    bool linked;

    *ret_edit = RL_EDIT_NONE;
    if (!is_current(volume, edit))
        return true;
    *ret_edit = RL_EDIT_LATER;
    if (rl_lease_has_writer(edit->clean))
        return true;
    if (!choose_number(volume, edit, &number, &linked, error))
        return false;
    if ((linked && !take_number_back(volume, edit, &number, error)) ||
        !make_revision(volume, edit, number, error))
        return false;
    *ret_edit = RL_EDIT_KEPT;
    return true;
}

bool
rl_edit_keep(RlVolume *volume, RlEdit *ret_edit, GError **error)
{
    g_auto(Edit) edit = {.clean = -1, .precache = -1};
    bool edited;

    *ret_edit = RL_EDIT_NONE;
    if (!look(volume, &edit, &edited, error))
        return false;
    if (!edited)
        return true;
    *ret_edit = RL_EDIT_LATER;
    if (rl_clean_stays_written(edit.clean, RL_CLEAN_PATIENCE_MS))
        return true;
    if (fsync(edit.clean) < 0)
        return fail_sync(volume, volume->clean_file, error);
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "keep the state before an edit", error);
    return lock && keep_locked(volume, &edit, ret_edit, error);
}

bool
rl_edit_require_kept(RlVolume *volume, GError **error)
{
    RlEdit edit;

    return rl_edit_keep(volume, &edit, error) &&
           (edit != RL_EDIT_LATER || rl_clean_refuse_written(volume, error));
}

bool
rl_edit_require_none(const RlVolume *volume, GError **error)
{
    g_auto(Edit) edit = {.clean = -1, .precache = -1};
    RlVolume now = *volume; /* borrows all that it has */
    bool edited;

    if (!volume->clean.there || !volume->precache.there)
        return true;
    if (fstatat(volume->dir, volume->clean_file, &now.clean.st, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(volume->dir, volume->precache_file, &now.precache.st, AT_SYMLINK_NOFOLLOW) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot examine its images",
                             volume->name->volume);
    return look(&now, &edit, &edited, error) &&
           (!edited ||
            rl_fail(error, RL_ERROR_BUSY,
                    "volume '%s' was changed meanwhile: a program has edited its clean image, and "
                    "'%s' has the state before. Try again",
                    volume->name->volume, volume->precache_file));
}

bool
rl_edit_keep_for_start(RlVolume *volume, int clean, GError **error)
{
    RlEdit edit;

    if (volume->kind != RL_KIND_PERSISTENT || !volume->precache.there)
        return true;
    if (fstat(clean, &volume->clean.st) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot examine its clean image",
                             volume->name->volume);
    if (!rl_edit_keep(volume, &edit, error)) {
        g_prefix_error(error,
                       "volume '%s' cannot be started: its clean image was edited at rest, and the "
                       "state before, which '%s' has, cannot be made a revision (to give that "
                       "state up, remove the file): ",
                       volume->name->volume, volume->precache_file);
        return false;
    }
    /* What cannot be pruned now is pruned after the next commit. */
    if (edit == RL_EDIT_KEPT)
        rl_volume_tidy(volume->pool, volume->name->volume, NULL);
    return edit != RL_EDIT_LATER || rl_clean_refuse_written(volume, error);
}

bool
rl_edit_keep_or_warn(RlVolume *volume)
{
    g_autoptr(GError) cause = NULL;
    RlEdit edit;

    if (rl_edit_keep(volume, &edit, &cause)) {
        /* What cannot be pruned now is pruned after the next commit. */
        if (edit == RL_EDIT_KEPT)
            rl_volume_tidy(volume->pool, volume->name->volume, NULL);
        return edit != RL_EDIT_LATER;
    }
    rl_log_warning("volume '%s': its clean image was edited at rest, and the state before cannot "
                   "be kept as a revision: %s",
                   volume->name->volume, cause->message);
    return false;
}
