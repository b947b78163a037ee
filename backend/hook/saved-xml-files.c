/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved-xml-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/libvirt/pool-registry.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/pool/pool.h"
#include "disk-place.h"
#include "header-files.h"
#include "models-user.h"

/* What one @domain names, and the other does not. */
typedef struct {
    const RlDomain *domain;
    GHashTable *defined; /* the paths of its definition */
    GHashTable *shared;  /* those of them that the guest may write in */
    GPtrArray *pools;    /* the real paths of the reflink pools that libvirt knows */
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
shared_paths_of(const RlDomain *definition)
{
    GHashTable *paths = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; definition && i < definition->files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(definition->files, i);
        if (file->shared)
            g_hash_table_add(paths, file->path);
    }
    return paths;
}

/* The same. */
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
                   "the save file of domain '%s', which the device model may have written, names "
                   "'%s', %s. The domain's definition does not name it. If the save file is right, "
                   "add that device to the definition ('virsh edit'). Otherwise start the domain "
                   "without the saved memory (after 'virsh managedsave-remove')",
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

/* What a guest can do in a directory that it is given, it can do in all below. */
static bool
require_not_around(const Check *check, const char *path, GError **error)
{
    char *real = realpath(path, NULL);
    size_t length = real ? strlen(real) : 0;
    bool around = false;

    if (length == 1) /* "/" */
        length = 0;
    for (guint i = 0; real && i < check->pools->len; i++) {
        const char *root = g_ptr_array_index(check->pools, i);
        around = around || (strncmp(root, real, length) == 0 && root[length] == '/');
    }
    free(real);
    return !around || refuse(check, path, "a directory that a reflink pool lies in", error);
}

/* libvirt cuts the file of a serial port to nothing, as root. */
static bool
require_harmless(const Check *check, const char *path, GError **error)
{
    g_auto(RlDiskPlace) place = {0};
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return true;
    if (!rl_disk_place_find(path, &place, error))
        return false;
    const char *why = rl_header_file_doubt(path, &place, RL_DOUBTFUL_SAVE);
    return !why || refuse(check, path, why, error);
}

/* What the definition gives the guest to read only is not to be written in. */
static bool
require_file(const Check *check, const RlNamedFile *file, GError **error)
{
    g_autofree char *end = NULL;
    const char *path = file->path;

    if (g_hash_table_contains(file->shared ? check->shared : check->defined, path))
        return true;
    end = rl_disk_place_follow(path);
    return require_outside(check, path, error) &&
           (strcmp(path, end) == 0 || require_outside(check, end, error)) &&
           require_not_around(check, path, error) && require_harmless(check, path, error);
}

static bool
has_label(const RlDomain *definition, const char *label)
{
    for (guint i = 0; definition && i < definition->labels->len; i++)
        if (strcmp(g_ptr_array_index(definition->labels, i), label) == 0)
            return true;
    return false;
}

/* A device model that is root reaches every image. */
static bool
require_labels(const RlDomain *domain, const RlDomain *definition, GError **error)
{
    for (guint i = 0; i < domain->labels->len; i++) {
        const char *label = g_ptr_array_index(domain->labels, i);
        if (!has_label(definition, label))
            return rl_fail(error, RL_ERROR_INVALID,
                           "the save file of domain '%s', which the device model may have written, "
                           "has the <seclabel> '%s'. The domain's definition does not have it. If "
                           "the save file is right, add it to the definition ('virsh edit'). "
                           "Otherwise start the domain without the saved memory (after 'virsh "
                           "managedsave-remove')",
                           domain->name, label);
    }
    return true;
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
    const char *why = rl_header_file_doubt(path, &place, RL_DOUBTFUL_SAVE);
    if (why)
        return refuse(check, path, why, error);
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
rl_saved_xml_files_require(const RlDomain *domain, const RlDomain *definition, GError **error)
{
    g_autoptr(GHashTable) defined = paths_of(definition), shared = shared_paths_of(definition);
    g_autoptr(GPtrArray) pools = rl_pools_reflink_roots();
    Check check = {.domain = domain, .defined = defined, .shared = shared, .pools = pools};

    if (!require_labels(domain, definition, error))
        return false;
    for (guint i = 0; i < domain->disks->len; i++)
        if (!require_disk(&check, g_ptr_array_index(domain->disks, i), error))
            return false;
    /* 'prepare' refuses one that names too many. */
    for (guint i = 0; i < domain->files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(domain->files, i);
        if (!require_file(&check, file, error))
            return false;
    }
    return true;
}
