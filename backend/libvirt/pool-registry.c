/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-registry.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/pool/pool.h"
#include "common/pool/volume.h"
#include "xml/pool-target.h"

/* What the storage driver writes of active pools, and of defined ones
 * (src/storage/storage_driver.c). */
static const char *const libvirt_dirs[] = {"/run/libvirt/storage", "/etc/libvirt/storage"};

/* The date of a file is that of the clock's last tick: so much earlier at most. */
#define TICK_US 20000

/* *@ret_path is NULL where libvirt has no such pool there, or nobody can make sense of what it
 * wrote. */
static bool
read_target(const char *dir_path, const char *name, char **ret_path, GError **error)
{
    g_autofree char *file = g_strconcat(name, ".xml", NULL);
    g_autoptr(GError) cause = NULL;
    rl_autofd int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t length;

    *ret_path = NULL;
    if (dir < 0)
        return errno == ENOENT ||
               rl_fail_errno(error, errno, "cannot open directory '%s'", dir_path);
    g_autofree char *text = rl_dirfd_read_file(dir, file, RL_POOL_SIZE_MAX, &length, &cause);
    if (!text) {
        /* What is no regular file libvirt did not write. */
        if (rl_error_is_errno(cause, ENOENT) || rl_error_is_errno(cause, ELOOP) ||
            cause->domain == RL_ERROR)
            return true;
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "pool '%s': ", name);
        return false;
    }
    *ret_path = rl_xml_target_path(text, length, file, &cause);
    if (cause)
        rl_log_warning("cannot determine where pool '%s' is: %s", name, cause->message);
    return true;
}

/* A pool's own path may be a symbolic link, too: one pool has one name, by which its volumes are
 * told from others. Where it cannot be told now, opening it says why. */
static char *
real_path(const char *path)
{
    rl_autofd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    char *real = fd < 0 ? NULL : g_file_read_link(self, NULL);

    return real ? real : g_strdup(path);
}

bool
rl_pools_reflink_root(const char *name, char **ret_root, GError **error)
{
    RlMarker marker;

    *ret_root = NULL;
    if (strchr(name, '/') || name[0] == '.')
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(libvirt_dirs); i++) {
        g_autofree char *path = NULL;
        if (!read_target(libvirt_dirs[i], name, &path, error))
            return false;
        if (!path)
            continue;
        if (!rl_pool_look(path, &marker, error))
            return false;
        if (marker != RL_MARKER_NONE)
            *ret_root = real_path(path);
        return true;
    }
    return true;
}

char *
rl_pools_volume_path(const char *name, const char *volume)
{
    if (strchr(name, '/') || name[0] == '.')
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(libvirt_dirs); i++) {
        g_autofree char *path = NULL;
        if (read_target(libvirt_dirs[i], name, &path, NULL) && path)
            return g_build_filename(path, volume, NULL);
    }
    return NULL;
}

static void
add_root(GPtrArray *roots, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *root = NULL;

    if (!rl_pools_reflink_root(name, &root, &error))
        rl_log_warning("cannot determine where pool '%s' is: %s", name, error->message);
    if (root && !g_ptr_array_find_with_equal_func(roots, root, g_str_equal, NULL))
        g_ptr_array_add(roots, g_steal_pointer(&root));
}

GPtrArray *
rl_pools_reflink_roots(void)
{
    GPtrArray *roots = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < G_N_ELEMENTS(libvirt_dirs); i++) {
        g_autoptr(GDir) dir = g_dir_open(libvirt_dirs[i], 0, NULL);
        const char *file;
        while (dir && (file = g_dir_read_name(dir))) {
            if (!g_str_has_suffix(file, ".xml"))
                continue;
            g_autofree char *name = g_strndup(file, strlen(file) - strlen(".xml"));
            add_root(roots, name);
        }
    }
    return roots;
}

bool
rl_pools_was_active(const char *name, gint64 when_us)
{
    g_autofree char *path = g_strdup_printf("%s/%s.xml", libvirt_dirs[0], name);
    struct stat st;

    if (strchr(name, '/') || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    gint64 written_us = st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
    return written_us + TICK_US < when_us;
}

static bool
has_last_name(const char *path, const char *root)
{
    g_autofree char *name = g_path_get_basename(path), *root_name = g_path_get_basename(root);

    return strcmp(name, root_name) == 0;
}

static bool
is_link(const char *path, const char *root)
{
    g_autofree char *target = g_file_read_link(path, NULL);

    (void) root;
    return target != NULL;
}

static bool
is_same_directory(const char *path, const char *root)
{
    struct stat st, root_st;

    return stat(path, &st) == 0 && stat(root, &root_st) == 0 && rl_stat_same(&st, &root_st);
}

/* The path of an active pool that is @root, among those that @may_be is true of. */
static char *
find_active(const char *root, bool (*may_be)(const char *path, const char *root))
{
    g_autoptr(GDir) active = g_dir_open(libvirt_dirs[0], 0, NULL);
    const char *file;

    while (active && (file = g_dir_read_name(active))) {
        g_autofree char *path = NULL;
        if (!g_str_has_suffix(file, ".xml"))
            continue;
        g_autofree char *name = g_strndup(file, strlen(file) - strlen(".xml"));
        if (read_target(libvirt_dirs[0], name, &path, NULL) && path && may_be(path, root) &&
            is_same_directory(path, root))
            return g_steal_pointer(&path);
    }
    return NULL;
}

/* Other pools are not looked at if it can be helped: a file system that hangs may be there. */
char *
rl_pools_path(const char *root)
{
    char *path = find_active(root, has_last_name);

    if (!path)
        path = find_active(root, is_link);
    return path ? path : g_strdup(root);
}
