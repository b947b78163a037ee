/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "revision-cache.h"

#include <string.h>
#include <sys/stat.h>

#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/file-date.h"
#include "common/fs/inode.h"
#include "common/fs/name-watch.h"

/* Longer than the tick of the clock that directories are dated by. */
#define TICK_US (G_USEC_PER_SEC / 10)

/* A directory with fewer names is read as quickly as it is asked what has changed. */
#define WATCH_MIN_NAMES 64

/* Whoever may write to the directory could fill the memory with names. */
#define TOUCHED_MAX 10000

/* A directory as it was read: the files of the revisions in it, by the leaf of their volume. It is
 * true as long as the directory's date says so; else of the leaves that the watch does not name. */
typedef struct {
    struct stat st;
    gint64 read_us;
    GTree *files;
    guint n_names;
    RlNameWatch *watch; /* begun before the reading; NULL: there is none */
    GTree *touched;     /* by leaf: some file of a revision came or went since */
} Directory;

/* What is known of a pool. Trees and no hash tables: whoever may write to the directory could
 * choose names that have the same hash. */
typedef struct {
    GTree *directories; /* by DIR */
    GTree *listed; /* by VOLUME: the files, NULL where that is not known; else there are none */
} Known;

static GMutex lock;
static GTree *pools; /* of Known, by the root's path */

static void
directory_free(void *data)
{
    Directory *directory = data;

    rl_name_watch_free(directory->watch);
    g_tree_unref(directory->files);
    g_tree_unref(directory->touched);
    g_free(directory);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Directory, directory_free)

static void
known_free(void *data)
{
    Known *known = data;

    g_tree_unref(known->directories);
    g_tree_unref(known->listed);
    g_free(known);
}

static gint
compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
    (void) data;
    return strcmp(a, b);
}

static GTree *
new_tree(GDestroyNotify free_value)
{
    return g_tree_new_full(compare_names, NULL, g_free, free_value);
}

/* The caller has the lock. */
static Known *
known_of(const char *root)
{
    if (!pools)
        pools = new_tree(known_free);
    Known *known = g_tree_lookup(pools, root);
    if (known)
        return known;
    known = g_new0(Known, 1);
    known->directories = new_tree(directory_free);
    known->listed = new_tree(g_free);
    g_tree_insert(pools, g_strdup(root), known);
    return known;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sorts @files and joins them. */
static char *
join(GPtrArray *files)
{
    g_ptr_array_sort(files, compare);
    g_ptr_array_add(files, NULL);
    return g_strjoinv("\n", (char **) files->pdata);
}

char *
rl_revision_cache_join(const GPtrArray *revisions)
{
    if (revisions->len == 0)
        return g_strdup("");

    g_autoptr(GPtrArray) files = g_ptr_array_new();
    for (guint i = 0; i < revisions->len; i++)
        g_ptr_array_add(files, ((const RlRevision *) g_ptr_array_index(revisions, i))->file);
    return join(files);
}

static void
add_file(GTree *by_leaf, const char *file)
{
    RlFileName name = rl_file_name_parse(file);

    if (name.role != RL_FILE_REVISION && name.role != RL_FILE_LABEL)
        return;
    GPtrArray *files = g_tree_lookup(by_leaf, name.leaf);
    if (!files) {
        files = g_ptr_array_new_with_free_func(g_free);
        g_tree_insert(by_leaf, g_strdup(name.leaf), files);
    }
    g_ptr_array_add(files, g_strdup(file));
}

static gboolean
add_joined(gpointer leaf, gpointer files, gpointer joined)
{
    g_tree_insert(joined, g_strdup(leaf), join(files));
    return FALSE;
}

/* Takes @watch over, which may be NULL. */
static Directory *
read_directory(int dir, const struct stat *st, RlNameWatch *watch)
{
    g_autoptr(Directory) directory = g_new0(Directory, 1);
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(dir, NULL);
    g_autoptr(GTree) by_leaf = new_tree((GDestroyNotify) g_ptr_array_unref);
    const char *file;

    directory->st = *st;
    directory->read_us = g_get_real_time();
    directory->watch = watch;
    directory->files = new_tree(g_free);
    directory->touched = new_tree(NULL);
    while (entries && (file = rl_dir_iter_next(entries))) {
        directory->n_names++;
        if (entries->type == DT_REG || entries->type == DT_UNKNOWN)
            add_file(by_leaf, file);
    }
    if (!entries || !rl_dir_iter_are_all(entries, NULL))
        return NULL;
    g_tree_foreach(by_leaf, add_joined, directory->files);
    return g_steal_pointer(&directory);
}

/* Has anything got or lost a name in it since it was read? A clock that was set back says yes. */
static bool
has_changed(const Directory *directory, const struct stat *st)
{
    gint64 changed_us = (gint64) st->st_mtim.tv_sec * G_USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;
    gint64 grain_us = MAX(TICK_US, rl_date_grain(&st->st_mtim) / 1000);

    return !rl_stat_same(&directory->st, st) || !rl_stat_same_date(&directory->st, st) ||
           changed_us + grain_us >= directory->read_us || directory->read_us > g_get_real_time();
}

static void
touch(const char *file, void *data)
{
    RlFileName name = rl_file_name_parse(file);
    Directory *directory = data;

    if (name.role == RL_FILE_REVISION || name.role == RL_FILE_LABEL)
        g_tree_insert(directory->touched, g_strdup(name.leaf), directory);
}

/* Nothing of the volume @leaf has changed, though something in the directory has. */
static bool
is_untouched(Directory *directory, int dir, const char *leaf)
{
    if (!directory->watch)
        return false;
    if (!rl_name_watch_read(directory->watch, dir, touch, directory) ||
        g_tree_nnodes(directory->touched) > TOUCHED_MAX) {
        g_clear_pointer(&directory->watch, rl_name_watch_free);
        return false;
    }
    return !g_tree_lookup(directory->touched, leaf);
}

static char *
files_of(const Directory *directory, const char *leaf)
{
    const char *files = g_tree_lookup(directory->files, leaf);

    return g_strdup(files ? files : "");
}

/* From the last reading, if that is still true; else NULL, and @ret_watch is set to the watch to go
 * on with, owned by the caller, or to NULL. */
static char *
known_files(const RlVolume *volume, const struct stat *st, RlNameWatch **ret_watch)
{
    const char *leaf = volume->name->leaf;
    char *files = NULL;

    *ret_watch = NULL;
    g_mutex_lock(&lock);
    Directory *known = g_tree_lookup(known_of(volume->pool->path)->directories, volume->name->dir);
    if (known && (!has_changed(known, st) || is_untouched(known, volume->dir, leaf)))
        files = files_of(known, leaf);
    else if (known && known->n_names >= WATCH_MIN_NAMES)
        *ret_watch = known->watch ? g_steal_pointer(&known->watch) : rl_name_watch_new(volume->dir);
    g_mutex_unlock(&lock);
    return files;
}

char *
rl_revision_cache_on_disk(const RlVolume *volume)
{
    RlNameWatch *watch;
    struct stat st;

    if (volume->dir < 0)
        return g_strdup("");
    if (fstat(volume->dir, &st) < 0)
        return NULL;

    char *files = known_files(volume, &st, &watch);
    if (files)
        return files;

    Directory *directory = read_directory(volume->dir, &st, watch);
    if (!directory)
        return NULL;
    files = files_of(directory, volume->name->leaf);
    g_mutex_lock(&lock);
    g_tree_replace(known_of(volume->pool->path)->directories, g_strdup(volume->name->dir),
                   directory);
    g_mutex_unlock(&lock);
    return files;
}

bool
rl_revision_cache_is_listed(const char *root, const char *name, const char *files)
{
    g_mutex_lock(&lock);
    gpointer noted;
    bool same = g_tree_lookup_extended(known_of(root)->listed, name, NULL, &noted)
                    ? g_strcmp0(noted, files) == 0
                    : *files == '\0';
    g_mutex_unlock(&lock);
    return same;
}

void
rl_revision_cache_note(const char *root, const char *name, const char *files)
{
    g_mutex_lock(&lock);
    if (files && *files == '\0')
        g_tree_remove(known_of(root)->listed, name);
    else
        g_tree_replace(known_of(root)->listed, g_strdup(name), g_strdup(files));
    g_mutex_unlock(&lock);
}

void
rl_revision_cache_drop(const char *root, const char *dir)
{
    g_mutex_lock(&lock);
    g_tree_remove(known_of(root)->directories, dir);
    g_mutex_unlock(&lock);
}

void
rl_revision_cache_forget(const char *root)
{
    g_mutex_lock(&lock);
    if (pools)
        g_tree_remove(pools, root);
    g_mutex_unlock(&lock);
}
