/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-list.h"

#include "module.h"

#include "background.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/image/repair-paths.h"
#include "common/image/volume-path.h"
#include "common/pool/census.h"
#include "common/pool/scan.h"
#include "revision-cache.h"
#include "volume-def.h"

/* Takes @vol over. Two files that make one name (a revision number used twice by another driver)
 * are one entry. */
static void
add(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    if (virStorageVolDefFindByName(obj, vol->name) || virStoragePoolObjAddVol(obj, vol) < 0)
        virStorageVolDefFree(vol);
}

static void
add_revision(virStoragePoolObj *obj, const RlPool *pool, const char *volume, const char *dir,
             const RlRevision *revision)
{
    g_autofree char *name = rl_revision_name(revision, volume);
    g_autofree char *path = rl_volume_def_path(pool, dir, revision->file);
    virStorageVolDef *vol = rl_volume_def_new(name, path, path);

    rl_volume_def_stat(vol, &revision->st);
    add(obj, vol);
}

static void
add_volume(virStoragePoolObj *obj, const RlPool *pool, const RlListed *listed)
{
    g_autofree char *file = rl_file_name(listed->leaf, RL_FILE_DIRTY);
    g_autofree char *key = rl_volume_def_path(pool, listed->dir, file);
    g_autofree char *path = rl_volume_path(pool, listed->dir, listed->leaf);
    virStorageVolDef *vol = rl_volume_def_new(listed->name, key, path);

    if (listed->recorded) {
        rl_volume_def_volume(vol, listed->recorded);
    } else {
        rl_volume_def_stat(vol, listed->dirty.there ? &listed->dirty.st : &listed->clean.st);
        if (listed->dirty.there && listed->clean.there) {
            const struct stat *st = &listed->clean.st;
            const RlAccess access = {st->st_mode & 0777, st->st_uid, st->st_gid};
            g_autofree char *clean_file = rl_file_name(listed->leaf, RL_FILE_CLEAN);
            g_autofree char *clean = rl_volume_def_path(pool, listed->dir, clean_file);
            rl_volume_def_access(vol, &access);
            rl_volume_def_backing(vol, clean);
        }
    }
    add(obj, vol);
}

/* The numbers of the pool as its file system has them. */
static bool
set_space(virStoragePoolObj *obj, const RlPool *pool, GError **error)
{
    virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    uint64_t capacity, available;

    if (!rl_pool_space(pool, &capacity, &available, error))
        return false;
    def->capacity = capacity;
    def->available = available;
    def->allocation = capacity - available;
    return true;
}

static void
set_access(virStoragePoolObj *obj, const RlPool *pool)
{
    virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    struct stat st;

    if (fstat(pool->root, &st) == 0) {
        def->target.perms.mode = st.st_mode & 0777;
        def->target.perms.uid = st.st_uid;
        def->target.perms.gid = st.st_gid;
    }
}

void
rl_volume_list_update_space(virStoragePoolObj *obj, const RlPool *pool,
                            unsigned long long to_be_added)
{
    virStoragePoolDef *def = virStoragePoolObjGetDef(obj);

    if (!set_space(obj, pool, NULL))
        return;
    def->allocation -= to_be_added;
    def->available += to_be_added;
}

static void
add_listed(virStoragePoolObj *obj, const RlPool *pool, const RlListed *volume)
{
    if (volume->exists)
        add_volume(obj, pool, volume);
    for (guint i = 0; i < volume->revisions->len; i++)
        add_revision(obj, pool, volume->name, volume->dir, g_ptr_array_index(volume->revisions, i));
    if (volume->revisions->len == 0)
        return;
    g_autofree char *files = rl_revision_cache_join(volume->revisions);
    rl_revision_cache_note(pool->path, volume->name, files);
}

int
rl_volume_list_fill(virStoragePoolObj *obj, const RlPool *pool)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) leftovers = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) listed = rl_scan_leftovers(pool, leftovers, &error);

    /* Not built, or its file system is not mounted. */
    if (listed && listed->len == 0 && g_error_matches(pool->fault, RL_ERROR, RL_ERROR_NOT_BUILT))
        return rl_report(g_error_copy(pool->fault));
    if (!listed || !set_space(obj, pool, &error))
        return rl_report(error);
    set_access(obj, pool);
    rl_revision_cache_forget(pool->path);
    if (!pool->fault) {
        rl_paths_repair(pool, listed);
        rl_background_keep_edits(pool, listed);
    }
    rl_census_note(pool, listed);
    /* What is freed at once is used again for the list: else the daemon would keep the memory of
     * both. */
    for (guint i = 0; i < listed->len; i++) {
        add_listed(obj, pool, g_ptr_array_index(listed, i));
        rl_listed_free(g_ptr_array_index(listed, i));
        g_ptr_array_index(listed, i) = NULL;
    }
    /* Freeing them can take long, and the pool is locked. */
    if (!pool->fault) {
        rl_background_clear(pool, leftovers);
        rl_background_end(pool);
    }
    return 0;
}

typedef struct {
    const char *prefix; /* "VOLUME@" */
    GPtrArray *found;   /* virStorageVolDef, borrowed: the pool is locked */
} Collection;

static int
collect(virStorageVolDef *vol, const void *opaque)
{
    const Collection *collection = opaque;

    if (g_str_has_prefix(vol->name, collection->prefix))
        g_ptr_array_add(collection->found, vol);
    return 0;
}

/* All entries that are revisions of @volume. libvirt's list cannot be changed while it is walked.
 */
static GPtrArray *
entries_of(virStoragePoolObj *obj, const char *volume)
{
    g_autofree char *prefix = g_strconcat(volume, "@", NULL);
    Collection collection = {prefix, g_ptr_array_new()};

    virStoragePoolObjForEachVolume(obj, collect, &collection);
    return collection.found;
}

static bool
is_busy(const virStorageVolDef *vol)
{
    return vol->in_use || vol->building;
}

static gint
compare_files(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* @revisions by the names of their files: there may be thousands, and each entry is looked up. */
static GTree *
by_file(const GPtrArray *revisions)
{
    GTree *tree = g_tree_new(compare_files);

    for (guint i = 0; i < revisions->len; i++) {
        RlRevision *revision = g_ptr_array_index(revisions, i);
        g_tree_insert(tree, revision->file, revision);
    }
    return tree;
}

/* Is the entry @vol still a revision of @volume, under the same file's name? */
static bool
is_on_disk(const virStorageVolDef *vol, const RlVolume *volume, GTree *files)
{
    g_autofree char *file = g_path_get_basename(vol->target.path);
    const RlRevision *revision = g_tree_lookup(files, file);
    g_autofree char *name = revision ? rl_revision_name(revision, volume->name->volume) : NULL;

    return g_strcmp0(name, vol->name) == 0;
}

void
rl_volume_list_update_revisions(virStoragePoolObj *obj, const RlVolume *volume)
{
    const char *root = volume->pool->path, *volume_name = volume->name->volume;
    g_autofree char *seen = rl_revision_cache_on_disk(volume);
    bool complete = true;

    if (seen && rl_revision_cache_is_listed(root, volume_name, seen))
        return;
    g_autoptr(GPtrArray) entries = entries_of(obj, volume->name->volume);
    g_autoptr(GPtrArray) revisions = volume->dir >= 0
                                         ? rl_revisions_list(volume->dir, volume->name->leaf, NULL)
                                         : rl_revisions_new();

    if (!revisions)
        return;
    g_autoptr(GTree) files = by_file(revisions);
    g_autofree char *found = rl_revision_cache_join(revisions);
    for (guint i = 0; i < entries->len; i++) {
        virStorageVolDef *vol = g_ptr_array_index(entries, i);
        if (is_on_disk(vol, volume, files))
            continue;
        if (is_busy(vol))
            complete = false; /* look again next time */
        else
            virStoragePoolObjRemoveVol(obj, vol);
    }
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        g_autofree char *name = rl_revision_name(revision, volume->name->volume);
        if (!virStorageVolDefFindByName(obj, name))
            add_revision(obj, volume->pool, volume->name->volume, volume->name->dir, revision);
    }
    rl_revision_cache_note(root, volume_name, complete ? found : NULL);
}

bool
rl_volume_list_has_busy_revisions(virStoragePoolObj *obj, const char *volume)
{
    g_autoptr(GPtrArray) entries = entries_of(obj, volume);

    for (guint i = 0; i < entries->len; i++)
        if (is_busy(g_ptr_array_index(entries, i)))
            return true;
    return false;
}

void
rl_volume_list_drop_revisions(virStoragePoolObj *obj, const RlPool *pool, const char *name)
{
    g_autoptr(GPtrArray) entries = entries_of(obj, name);
    g_autoptr(RlName) parsed = rl_name_parse(name, NULL);
    bool none_left = parsed && parsed->form == RL_NAME_HEAD;

    /* A clone of one may have begun meanwhile: that stays until it is looked at. */
    for (guint i = 0; i < entries->len; i++)
        if (is_busy(g_ptr_array_index(entries, i)))
            none_left = false;
        else
            virStoragePoolObjRemoveVol(obj, g_ptr_array_index(entries, i));
    if (!parsed)
        return;
    rl_revision_cache_note(pool->path, parsed->volume, none_left ? "" : NULL);
    rl_revision_cache_drop(pool->path, parsed->dir);
}
