/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved-files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/pool/pool.h"
#include "disk-place.h"
#include "models-user.h"

/* What one @domain names, and the other does not. */
typedef struct {
    const RlDomain *domain;
    GHashTable *defined; /* the paths of its definition */
} Check;

static void
add_disk(GHashTable *paths, const RlDisk *disk)
{
    const char *own[] = {disk->path, disk->data_path, disk->mirror};

    for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
        if (own[i])
            g_hash_table_add(paths, (void *) own[i]);
    for (guint i = 0; i < disk->backing->len; i++)
        g_hash_table_add(paths, g_ptr_array_index(disk->backing, i));
}

/* Borrowed from @definition. */
static GHashTable *
paths_of(const RlDomain *definition)
{
    GHashTable *paths = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; definition && i < definition->disks->len; i++)
        add_disk(paths, g_ptr_array_index(definition->disks, i));
    for (guint i = 0; definition && i < definition->files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(definition->files, i);
        g_hash_table_add(paths, file->path);
    }
    return paths;
}

static bool
refuse(const Check *check, const char *path, const char *why, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID,
                   "the saved memory's file of domain '%s' names '%s', %s, and the domain's "
                   "definition does not: the device model may have written that file; if it is "
                   "right, add that device to the definition ('virsh edit'), else start the domain "
                   "without the memory ('virsh managedsave-remove')",
                   check->domain->name, path, why);
}

/* Linux gives a device that it uses itself to no second one that wants it alone: open(2), O_EXCL.
 * So it is with a whole disk and its partitions. */
static bool
is_device_in_use(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
        return false;
    rl_autofd int fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 && errno == EBUSY;
}

/* The directory of a pool does not lie in it, but what it holds does. */
static bool
require_outside(const Check *check, const char *path, GError **error)
{
    g_autofree char *in_it = g_build_filename(path, "x", NULL), *root = NULL, *inside = NULL;

    if (!rl_pool_find(in_it, &root, &inside, error))
        return false;
    if (root)
        return refuse(check, path, "which leads into a reflink pool", error);
    return !is_device_in_use(path) ||
           refuse(check, path, "a block device that the host uses itself", error);
}

static bool
require_file(const Check *check, const char *path, GError **error)
{
    g_autofree char *end = NULL;

    if (g_hash_table_contains(check->defined, path))
        return true;
    end = rl_disk_place_follow(path);
    return require_outside(check, path, error) &&
           (strcmp(path, end) == 0 || require_outside(check, end, error));
}

static bool
require_disk_path(const Check *check, const char *path, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!path || g_hash_table_contains(check->defined, path))
        return true;
    if (!rl_disk_place_find(path, &place, error))
        return false;
    /* Whose images these are is looked at elsewhere (saved-xml.c). */
    if (place.name)
        return true;
    g_autofree char *base = g_path_get_basename(path);
    if (place.root && rl_pool_is_marker(base))
        return refuse(check, path, "the marker of a reflink pool", error);
    if (is_device_in_use(path))
        return refuse(check, path, "a block device that the host uses itself", error);
    return !rl_models_user_can_change(path) ||
           refuse(check, path, "which the user of the device models can replace", error);
}

static bool
require_disk(const Check *check, const RlDisk *disk, GError **error)
{
    if (!require_disk_path(check, disk->path, error) ||
        !require_disk_path(check, disk->data_path, error))
        return false;
    for (guint i = 0; i < disk->backing->len; i++)
        if (!require_disk_path(check, g_ptr_array_index(disk->backing, i), error))
            return false;
    return true;
}

bool
rl_saved_files_require(const RlDomain *domain, const RlDomain *definition, GError **error)
{
    g_autoptr(GHashTable) defined = paths_of(definition);
    Check check = {.domain = domain, .defined = defined};

    for (guint i = 0; i < domain->disks->len; i++)
        if (!require_disk(&check, g_ptr_array_index(domain->disks, i), error))
            return false;
    /* 'prepare' refuses one that names too many. */
    for (guint i = 0; i < domain->files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(domain->files, i);
        if (!require_file(&check, file->path, error))
            return false;
    }
    return true;
}
