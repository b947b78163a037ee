/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include "common/base/autofd.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/operation/precache.h"
#include "common/pool/scan.h"
#include "common/pool/volume.h"

#include <fcntl.h>
#include <string.h>

typedef struct {
    RlModelFlags flags;
    GHashTable *ids; /* id -> inode, as text */
} Check;

static bool
wrong(const char *file, const char *what, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID, "%s: %s", file, what);
}

static bool
is_id(const char *text)
{
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

/* Two inodes with one id would pass for one another. */
static bool
check_id(Check *check, int fd, const char *file, const struct stat *st, GError **error)
{
    g_autofree char *id = NULL, *inode = g_strdup_printf("%lu", (unsigned long) st->st_ino);

    if (!rl_xattr_get(fd, RL_ATTR_ID, &id, error))
        return false;
    if (!id)
        return true;
    if (!is_id(id))
        return wrong(file, "its id is none", error);
    const char *other = g_hash_table_lookup(check->ids, id);
    if (other && strcmp(other, inode) != 0)
        return wrong(file, "another image has its id", error);
    g_hash_table_replace(check->ids, g_steal_pointer(&id), g_steal_pointer(&inode));
    return true;
}

static bool
check_image(Check *check, const RlVolume *volume, const char *file, const struct stat *st,
            bool may_be_torn, GError **error)
{
    rl_autofd int fd = rl_volume_open_image(volume, file, error);
    uint64_t tag;

    if (fd < 0)
        return false;
    if (st->st_size == 0)
        return wrong(file, "it is empty", error);
    if (!may_be_torn && !rl_model_read(fd, &tag, error)) {
        g_prefix_error(error, "%s: ", file);
        return false;
    }
    return check_id(check, fd, file, st, error);
}

static bool
check_clean(Check *check, const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    static const char *const of_dirty[] = {RL_ATTR_HOLD, RL_ATTR_SAVE_FILE, RL_ATTR_SAVE_DIR,
                                           RL_ATTR_RESTORE, RL_ATTR_KEPT_OF};
    const RlRevision *newest = rl_revisions_newest(revisions);
    uint64_t highest;

    if (!check_image(check, volume, volume->clean_file, &volume->clean.st, false, error))
        return false;
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, error);
    if (fd < 0 || !rl_xattr_get_number(fd, RL_ATTR_HIGHEST, &highest, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(of_dirty); i++) {
        g_autofree char *value = NULL;
        if (!rl_xattr_get(fd, of_dirty[i], &value, error))
            return false;
        if (value)
            return wrong(volume->clean_file, "it carries what only a dirty image does", error);
    }
    /* A start that was cut off leaves it on a direct volume's image; the next one writes it anew.
     */
    g_autofree char *run = NULL;
    if (!rl_xattr_get(fd, RL_ATTR_RUN, &run, error))
        return false;
    if (run && volume->kind != RL_KIND_DIRECT)
        return wrong(volume->clean_file, "somebody runs on it", error);
    if (highest > 0 && volume->clean.st.st_nlink == 1 && newest && newest->number > highest)
        return wrong(volume->clean_file, "a revision has a higher number than it knows", error);
    return true;
}

/* A precache that would be started from is what it was made from. */
static bool
check_precache(const RlVolume *volume, GError **error)
{
    g_autoptr(RlBase) base = rl_volume_exists(volume) && (volume->kind == RL_KIND_PERSISTENT ||
                                                          volume->kind == RL_KIND_SNAPSHOT)
                                 ? rl_base_open(volume, NULL)
                                 : NULL;
    rl_autofd int fd = -1;
    uint64_t tag, base_tag;

    if (!base || !rl_precache_is_valid(volume, base, &fd))
        return true;
    if (!rl_model_read(fd, &tag, error) || !rl_model_read(base->fd, &base_tag, error)) {
        g_prefix_error(error, "%s: ", volume->precache_file);
        return false;
    }
    return tag == base_tag ||
           wrong(volume->precache_file, "it is not what it was made from", error);
}

static bool
check_revisions(Check *check, const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    const RlRevision *newest = rl_revisions_newest(revisions);

    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (!check_image(check, volume, revision->file, &revision->st, false, error))
            return false;
        if (volume->clean.there && rl_stat_same(&revision->st, &volume->clean.st) &&
            revision != newest)
            return wrong(revision->file, "it is the clean image, and not the newest revision",
                         error);
        if ((volume->dirty.there && rl_stat_same(&revision->st, &volume->dirty.st)) ||
            (volume->precache.there && rl_stat_same(&revision->st, &volume->precache.st)))
            return wrong(revision->file, "it is the dirty image, or the precache", error);
        for (guint j = 0; j < i; j++) {
            const RlRevision *other = g_ptr_array_index(revisions, j);
            if (rl_stat_same(&revision->st, &other->st))
                return wrong(revision->file, "it is another revision, too", error);
            if (!revision->label && !other->label && revision->number == other->number)
                return wrong(revision->file, "another revision has its number", error);
        }
    }
    return true;
}

static bool
check_volume(Check *check, const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    const RlImage *clean = &volume->clean, *dirty = &volume->dirty, *precache = &volume->precache;

    if (volume->contradictory)
        return wrong(volume->record_file, "it contradicts the images", error);
    if ((clean->there && dirty->there && rl_stat_same(&clean->st, &dirty->st)) ||
        (clean->there && precache->there && rl_stat_same(&clean->st, &precache->st)) ||
        (dirty->there && precache->there && rl_stat_same(&dirty->st, &precache->st)))
        return wrong(volume->name->volume, "two of its images are one", error);
    return (!clean->there || check_clean(check, volume, revisions, error)) &&
           (!dirty->there || check_image(check, volume, volume->dirty_file, &dirty->st,
                                         check->flags & RL_MODEL_GUEST_CUT, error)) &&
           (!precache->there || check_precache(volume, error)) &&
           check_revisions(check, volume, revisions, error);
}

bool
rl_model_check(const RlPool *pool, RlModelFlags flags, GError **error)
{
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) leftovers = rl_model_leftovers(pool, error);
    g_autoptr(GPtrArray) listed = leftovers ? rl_scan(pool, error) : NULL;
    Check check = {.flags = flags, .ids = ids};

    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_autoptr(RlVolume) volume = rl_volume_open(pool, one->name, error);
        if (!volume || !check_volume(&check, volume, one->revisions, error)) {
            g_prefix_error(error, "volume '%s': ", one->name);
            return false;
        }
        if (one->shared && !(flags & RL_MODEL_MOVE_CUT))
            return wrong(one->name, "its clean image is another volume's, too", error);
    }
    return listed != NULL;
}
