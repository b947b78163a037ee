/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"

typedef struct {
    const RlPool *pool;
    GPtrArray *listed;
    GPtrArray *leftovers; /* names; NULL: nobody asks for them */
    bool records_only;    /* no other file is looked at */
    GHashTable *linked;   /* inode number -> RlListed, of clean images with more than one link */
} Scan;

void
rl_listed_free(RlListed *listed)
{
    if (!listed)
        return;
    g_free(listed->name);
    g_free(listed->dir);
    g_free(listed->leaf);
    rl_volume_close(listed->recorded);
    g_ptr_array_unref(listed->revisions);
    g_free(listed);
}

static gint
compare_leaves(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* A tree and no hash table: whoever may write to the directory chooses the names, and could choose
 * them so that they all have the same hash. */
static GTree *
new_by_leaf(void)
{
    return g_tree_new(compare_leaves);
}

static RlListed *
listed_for(GTree *by_leaf, const char *dir, const char *leaf)
{
    RlListed *listed = g_tree_lookup(by_leaf, leaf);

    if (listed)
        return listed;
    listed = g_new0(RlListed, 1);
    listed->name = rl_name_join(dir, leaf);
    listed->dir = g_strdup(dir);
    listed->leaf = g_strdup(leaf);
    listed->revisions = rl_revisions_new();
    g_tree_insert(by_leaf, listed->leaf, listed);
    return listed;
}

/* What the record says. The volume's directory does not stay open: there may be more volumes than a
 * process may have descriptors. */
static void
add_record(Scan *scan, RlListed *listed)
{
    if (listed->recorded)
        return;
    listed->recorded = rl_volume_open(scan->pool, listed->name, NULL);
    if (listed->recorded)
        rl_fd_close(&listed->recorded->dir);
}

static bool
is_looked_at(const Scan *scan, RlFileRole role)
{
    if (scan->records_only)
        return role == RL_FILE_RECORD;
    switch (role) {
    case RL_FILE_CLEAN:
    case RL_FILE_DIRTY:
    case RL_FILE_RECORD:
    case RL_FILE_REVISION:
    case RL_FILE_LABEL:
        return true;
    case RL_FILE_PRECACHE:
    case RL_FILE_TEMP:
        return scan->leftovers != NULL;
    default:
        return false;
    }
}

/* Takes one file into account. */
static void
add_file(Scan *scan, GTree *by_leaf, int fd, const char *dir, const char *file)
{
    RlFileName name = rl_file_name_parse(file);
    struct stat st;

    if (!is_looked_at(scan, name.role))
        return;
    if (fstatat(fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;

    RlListed *listed = listed_for(by_leaf, dir, name.leaf);
    switch (name.role) {
    case RL_FILE_CLEAN:
        listed->clean = (RlImage){true, st};
        break;
    case RL_FILE_DIRTY:
        listed->dirty = (RlImage){true, st};
        break;
    case RL_FILE_PRECACHE:
        listed->precache = (RlImage){true, st};
        break;
    case RL_FILE_RECORD:
        add_record(scan, listed);
        break;
    case RL_FILE_TEMP:
        listed->littered = true;
        break;
    default:
        g_ptr_array_add(listed->revisions, rl_revision_new(file, name.number, name.label, &st));
    }
}

/* A clean image with a second link: to its own newest revision, where a commit was cut off, or to
 * another volume's. */
static void
note_shared(Scan *scan, RlListed *listed)
{
    g_autofree char *key = NULL;

    if (!listed->clean.there || listed->clean.st.st_nlink < 2)
        return;
    key = g_strdup_printf("%lx:%lx", (unsigned long) listed->clean.st.st_dev,
                          (unsigned long) listed->clean.st.st_ino);
    RlListed *other = g_hash_table_lookup(scan->linked, key);
    if (!other) {
        g_hash_table_insert(scan->linked, g_steal_pointer(&key), listed);
        return;
    }
    listed->shared = other->shared = true;
    rl_log_warning("pool '%s': volumes '%s' and '%s' share one file as their clean image",
                   scan->pool->path, listed->name, other->name);
}

/* Of one volume, when all files of its directory were seen. */
static gboolean
finish(gpointer leaf, gpointer value, gpointer data)
{
    RlListed *listed = value;
    Scan *scan = data;

    (void) leaf;
    listed->exists = listed->recorded ? rl_volume_exists(listed->recorded)
                                      : listed->clean.there || listed->dirty.there;
    rl_revisions_sort(listed->revisions);
    if (listed->recorded && listed->recorded->contradictory)
        rl_log_warning("volume '%s': its record contradicts its images. It counts as persistent",
                       listed->name);
    if (scan->leftovers && listed->littered)
        g_ptr_array_add(scan->leftovers, g_strdup(listed->name));
    if (!listed->exists && listed->revisions->len == 0) {
        rl_listed_free(listed);
        return FALSE;
    }
    note_shared(scan, listed);
    g_ptr_array_add(scan->listed, listed);
    return FALSE;
}

static bool
is_directory(int fd, const char *entry, unsigned char type)
{
    struct stat st;

    if (type != DT_UNKNOWN)
        return type == DT_DIR;
    return fstatat(fd, entry, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool scan_directory(Scan *scan, int fd, const char *dir, int depth, GError **error);

static void
descend(Scan *scan, int parent, const char *dir, const char *entry, int depth)
{
    struct stat st;

    if (!rl_name_check_component(entry, NULL))
        return;

    rl_autofd int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        rl_log_warning("pool '%s': cannot read directory '%s/%s': %s", scan->pool->path, dir, entry,
                       g_strerror(errno));
        return;
    }
    if (fstatat(fd, RL_POOL_MARKER, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    g_autofree char *path = *dir ? g_strconcat(dir, "/", entry, NULL) : g_strdup(entry);
    g_autoptr(GError) cause = NULL;
    if (!scan_directory(scan, fd, path, depth + 1, &cause))
        rl_log_warning("pool '%s': directory '%s': %s", scan->pool->path, path, cause->message);
}

/* @depth is that of the files in @fd: 1 for the root's own, which are no volumes. */
static bool
scan_directory(Scan *scan, int fd, const char *dir, int depth, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(fd, error);
    g_autoptr(GTree) by_leaf = new_by_leaf();
    const char *entry;

    while (entries && (entry = rl_dir_iter_next(entries))) {
        if (!is_directory(fd, entry, entries->type)) {
            if (depth > 1)
                add_file(scan, by_leaf, fd, dir, entry);
        } else if (depth < RL_NAME_COMPONENTS_MAX) {
            descend(scan, fd, dir, entry, depth);
        }
    }
    g_tree_foreach(by_leaf, finish, scan);
    return entries && rl_dir_iter_are_all(entries, error);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp((*(RlListed *const *) a)->name, (*(RlListed *const *) b)->name);
}

static GPtrArray *
scan_pool(const RlPool *pool, GPtrArray *leftovers, bool records_only, GError **error)
{
    Scan scan = {
        .pool = pool,
        .leftovers = leftovers,
        .records_only = records_only,
        .listed = g_ptr_array_new_with_free_func((GDestroyNotify) rl_listed_free),
        .linked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    bool all = scan_directory(&scan, pool->root, "", 1, error);

    g_hash_table_unref(scan.linked);
    if (!all) {
        g_ptr_array_unref(scan.listed);
        return NULL;
    }
    g_ptr_array_sort(scan.listed, compare);
    return scan.listed;
}

GPtrArray *
rl_scan(const RlPool *pool, GError **error)
{
    return scan_pool(pool, NULL, false, error);
}

GPtrArray *
rl_scan_leftovers(const RlPool *pool, GPtrArray *names, GError **error)
{
    return scan_pool(pool, names, false, error);
}

GPtrArray *
rl_scan_recorded(const RlPool *pool, GError **error)
{
    return scan_pool(pool, NULL, true, error);
}
