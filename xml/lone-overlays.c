/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lone-overlays.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "layer-graph.h"
#include "snapshot-records.h"

#include "common/base/autofd.h"
#include "common/format/image-owner.h"
#include "common/fs/dirfd.h"
#include "common/fs/local-links.h"
#include "common/fs/xattr.h"

#define DAY 86400 /* seconds */

typedef struct {
    char *overlay;
    char *name, *uuid; /* of the domain */
    char *disk;        /* key_of() */
    gint64 made;       /* seconds of the wall's clock; 0: not known */
} Lone;

static void
lone_free(gpointer data)
{
    Lone *lone = data;

    g_free(lone->overlay);
    g_free(lone->name);
    g_free(lone->uuid);
    g_free(lone->disk);
    g_free(lone);
}

/* Of the disk @target; owned by the caller. */
static char *
key_of(const RlDomain *domain, const char *target)
{
    return g_strdup_printf("%s %s", domain->uuid, target);
}

/* Of the disk with the key @disk, which has that @path now; owned by the caller. */
static char *
key_at(const char *disk, const char *path)
{
    return g_strdup_printf("%s at %s", disk, path);
}

void
rl_lone_overlays_add(RlImageSearch *search, const RlDomain *domain, const char *target,
                     const char *overlay, gint64 made)
{
    Lone *lone;

    if (!search->all || !target)
        return;
    if (!search->lone)
        search->lone = g_ptr_array_new_with_free_func(lone_free);
    lone = g_new0(Lone, 1);
    lone->overlay = g_strdup(overlay);
    lone->name = g_strdup(domain->name);
    lone->uuid = g_strdup(domain->uuid);
    lone->disk = key_of(domain, target);
    lone->made = made;
    g_ptr_array_add(search->lone, lone);
}

static void
know_disk(RlImageSearch *search, const RlDomain *domain, const RlDisk *disk)
{
    g_autofree char *key = key_of(domain, disk->target);
    g_autofree char *path = rl_image_search_path_of_disk(search, disk);

    if (path)
        g_hash_table_add(search->disks, key_at(key, path));
    if (rl_image_search_is_disk(search, disk))
        g_hash_table_add(search->disks, g_steal_pointer(&key));
}

void
rl_lone_overlays_know(RlImageSearch *search, const RlDomain *domain)
{
    if (!search->all)
        return;
    if (!search->disks)
        search->disks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (disk->target)
            know_disk(search, domain, disk);
    }
}

/* Or it cannot be told. */
static bool
may_be_empty(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    return !dir || !g_dir_read_name(dir);
}

/* Of @path nothing is there. What is left where a file system is not mounted now is an empty
 * directory, or, where that is removed as well, one above it. */
static bool
may_be_unmounted(const char *path)
{
    g_autofree char *above = g_path_get_dirname(path);
    struct stat st;

    while (lstat(above, &st) < 0 && errno == ENOENT && strcmp(above, "/") != 0) {
        g_autofree char *below = g_steal_pointer(&above);
        above = g_path_get_dirname(below);
    }
    return may_be_empty(above);
}

static bool
may_be_there(const RlImageSearch *search, const char *path)
{
    g_autofree char *local = rl_local_links_follow(path, search->mounts);
    struct stat st;

    if (!local || lstat(local, &st) == 0)
        return true;
    return errno == ENOENT ? may_be_unmounted(local) : errno != ENOTDIR;
}

typedef struct {
    const RlImageSearch *search;
    const Lone *lone;
} Question;

static bool
is_disk_now(const char *path, gpointer data)
{
    const Question *question = data;
    g_autofree char *key = key_at(question->lone->disk, path);

    return g_hash_table_contains(question->search->disks, key);
}

/* The disk that it was made for has the image, or a layer that it lay on. */
static bool
is_merged(const RlImageSearch *search, const Lone *lone)
{
    Question question = {.search = search, .lone = lone};

    return search->disks &&
           (g_hash_table_contains(search->disks, lone->disk) ||
            rl_layer_graph_any_below(search->all, lone->overlay, is_disk_now, &question, false));
}

/* When the image was made, in seconds of the wall's clock; 0 where that cannot be told. A copy, as
 * a backup that was put back, may be of an older one. */
static gint64
image_made_at(const RlImageSearch *search)
{
    rl_autofd int fd = rl_dirfd_open_file_at_once(AT_FDCWD, search->image, O_RDONLY, NULL);
    g_autoptr(RlImageOwner) run = NULL;
    uint64_t since = 0;
    struct statx st;

    if (fd < 0 || !rl_image_owner_get(fd, &run, NULL) || !run || !run->inode || run->copied ||
        statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) < 0 || !(st.stx_mask & STATX_BTIME))
        return 0;
    /* An inode may have been another image before. */
    rl_xattr_get_number(fd, RL_ATTR_CLEAN_SINCE, &since, NULL);
    return MAX(st.stx_btime.tv_sec, (gint64) (since / G_USEC_PER_SEC));
}

static bool
is_of_an_earlier_image(const RlImageSearch *search, const Lone *lone)
{
    return lone->made > 0 && !may_be_there(search, lone->overlay) &&
           lone->made < image_made_at(search) - DAY;
}

char *
rl_lone_overlays_find(const RlImageSearch *search)
{
    for (guint i = 0; search->lone && i < search->lone->len; i++) {
        const Lone *lone = g_ptr_array_index(search->lone, i);
        if (g_strcmp0(lone->uuid, search->except) != 0 &&
            !rl_image_search_has_let_go(search, lone->name) && !is_merged(search, lone) &&
            rl_snapshot_records_lead(search, search->all, lone->overlay) &&
            !is_of_an_earlier_image(search, lone))
            return g_strdup(lone->name);
    }
    return NULL;
}
