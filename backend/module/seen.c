/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seen.h"

#include <string.h>
#include <sys/stat.h>

#include "common/entries.h"
#include "common/filename.h"

/* File systems date directories by the tick of a clock. */
#define TICK_US (G_USEC_PER_SEC / 10)

/* A directory as it was read: the files of the revisions in it, by the leaf of their volume. */
typedef struct {
    struct stat st;
    gint64 read_us;
    GTree *files; /* no hash table: whoever writes to the directory could choose colliding names */
} Directory;

static GMutex lock;
static GHashTable *directories; /* of "ROOT\nDIR" */
static GHashTable *listed;      /* of "ROOT\nVOLUME": the files */

static void
directory_free(void *data)
{
    Directory *directory = data;

    g_tree_unref(directory->files);
    g_free(directory);
}

/* The caller has the lock. */
static void
make_tables(void)
{
    if (directories)
        return;
    directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, directory_free);
    listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static char *
key_of(const char *root, const char *name)
{
    return g_strconcat(root, "\n", name, NULL);
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
rl_seen_join(const GPtrArray *revisions)
{
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

static gint
compare_leaves(gconstpointer a, gconstpointer b, gpointer data)
{
    (void) data;
    return strcmp(a, b);
}

static Directory *
read_directory(int dir, const struct stat *st)
{
    gint64 now_us = g_get_real_time();
    g_autoptr(RlEntries) entries = rl_entries_open(dir, NULL);
    g_autoptr(GTree) by_leaf =
        g_tree_new_full(compare_leaves, NULL, g_free, (GDestroyNotify) g_ptr_array_unref);
    const char *file;

    if (!entries)
        return NULL;
    while ((file = rl_entries_next(entries)))
        if (entries->type == DT_REG || entries->type == DT_UNKNOWN)
            add_file(by_leaf, file);
    if (!rl_entries_are_all(entries, NULL))
        return NULL;

    Directory *directory = g_new0(Directory, 1);
    directory->st = *st;
    directory->read_us = now_us;
    directory->files = g_tree_new_full(compare_leaves, NULL, g_free, g_free);
    g_tree_foreach(by_leaf, add_joined, directory->files);
    return directory;
}

/* Has anything got or lost a name in it since it was read? A clock that was set back says yes. */
static bool
has_changed(const Directory *directory, const struct stat *st)
{
    gint64 changed_us = (gint64) st->st_mtim.tv_sec * G_USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;

    return !rl_stat_same(&directory->st, st) || !rl_stat_same_date(&directory->st, st) ||
           changed_us + TICK_US >= directory->read_us || directory->read_us > g_get_real_time();
}

static char *
files_of(const Directory *directory, const char *leaf)
{
    const char *files = g_tree_lookup(directory->files, leaf);

    return g_strdup(files ? files : "");
}

/* From the last reading, if that is still true; else NULL. */
static char *
known_files(const char *key, const struct stat *st, const char *leaf)
{
    g_mutex_lock(&lock);
    make_tables();
    const Directory *known = g_hash_table_lookup(directories, key);
    char *files = known && !has_changed(known, st) ? files_of(known, leaf) : NULL;
    g_mutex_unlock(&lock);
    return files;
}

char *
rl_seen_on_disk(const RlVolume *volume)
{
    struct stat st;

    if (volume->dir < 0)
        return g_strdup("");
    if (fstat(volume->dir, &st) < 0)
        return NULL;

    g_autofree char *key = key_of(volume->pool->path, volume->name->dir);
    char *files = known_files(key, &st, volume->name->leaf);
    if (files)
        return files;

    Directory *directory = read_directory(volume->dir, &st);
    if (!directory)
        return NULL;
    files = files_of(directory, volume->name->leaf);
    g_mutex_lock(&lock);
    g_hash_table_replace(directories, g_steal_pointer(&key), directory);
    g_mutex_unlock(&lock);
    return files;
}

bool
rl_seen_is_listed(const char *root, const char *name, const char *files)
{
    g_autofree char *key = key_of(root, name);

    g_mutex_lock(&lock);
    make_tables();
    bool same = g_strcmp0(g_hash_table_lookup(listed, key), files) == 0;
    g_mutex_unlock(&lock);
    return same;
}

void
rl_seen_note(const char *root, const char *name, const char *files)
{
    g_mutex_lock(&lock);
    make_tables();
    g_hash_table_replace(listed, key_of(root, name), g_strdup(files));
    g_mutex_unlock(&lock);
}

static gboolean
is_below(gpointer key, gpointer value, gpointer prefix)
{
    (void) value;
    return g_str_has_prefix(key, prefix);
}

void
rl_seen_forget(const char *root)
{
    g_autofree char *prefix = key_of(root, "");

    g_mutex_lock(&lock);
    make_tables();
    g_hash_table_foreach_remove(directories, is_below, prefix);
    g_hash_table_foreach_remove(listed, is_below, prefix);
    g_mutex_unlock(&lock);
}
