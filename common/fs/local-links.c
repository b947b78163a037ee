/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "local-links.h"

#include <stdbool.h>
#include <string.h>

#include "mounts.h"

/* path_resolution(7). */
#define LINKS_MAX 40

static const char *const local_types[] = {"xfs",  "btrfs", "ext2",  "ext3",    "ext4",
                                          "f2fs", "tmpfs", "ramfs", "overlay", "bcachefs",
                                          "zfs",  "jfs",   "vfat",  "rootfs",  "devtmpfs"};

static bool
is_local(const RlMount *mount)
{
    for (size_t i = 0; i < G_N_ELEMENTS(local_types); i++)
        if (strcmp(mount->type, local_types[i]) == 0)
            return true;
    return false;
}

/* Is something mounted at @path that a look may wait for? */
static bool
may_wait(const GPtrArray *mounts, const char *path)
{
    for (guint i = 0; i < mounts->len; i++) {
        const RlMount *mount = g_ptr_array_index(mounts, i);
        if (strcmp(mount->point, path) == 0 && !is_local(mount))
            return true;
    }
    return false;
}

/* Takes the first name off *@rest: owned by the caller, NULL where there is none. */
static char *
take_name(char **rest)
{
    const char *name = *rest + strspn(*rest, "/");
    size_t length = strcspn(name, "/");

    if (length == 0)
        return NULL;
    char *taken = g_strndup(name, length);
    char *left = g_strdup(name + length);
    g_free(*rest);
    *rest = left;
    return taken;
}

static void
go_up(GString *way)
{
    const char *slash = strrchr(way->str, '/');

    g_string_truncate(way, slash ? (gsize) (slash - way->str) : 0);
}

/* Goes on from @way, which has no link in it, to @name in it. False if that is not to be looked at.
 */
static bool
go_to(GString *way, const char *name, const GPtrArray *mounts, char **rest, int *links)
{
    gsize here = way->len;

    g_string_append_printf(way, "/%s", name);
    if (may_wait(mounts, way->str))
        return false;
    g_autofree char *target = g_file_read_link(way->str, NULL);
    if (!target)
        return true;
    g_string_truncate(way, target[0] == '/' ? 0 : here);
    char *left = g_strconcat(target, *rest, NULL);
    g_free(*rest);
    *rest = left;
    return ++*links <= LINKS_MAX;
}

char *
rl_local_links_follow(const char *path, const GPtrArray *mounts)
{
    g_autoptr(GString) way = g_string_new(NULL);
    g_autofree char *rest = g_strdup(path);
    int links = 0;

    if (path[0] != '/' || !mounts)
        return NULL;
    for (;;) {
        g_autofree char *name = take_name(&rest);
        if (!name)
            return way->len > 0 ? g_string_free(g_steal_pointer(&way), FALSE) : g_strdup("/");
        if (strcmp(name, "..") == 0)
            go_up(way);
        else if (strcmp(name, ".") != 0 && !go_to(way, name, mounts, &rest, &links))
            return NULL;
    }
}
