/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pools.h"

#include <fcntl.h>
#include <string.h>

#include "common/dir.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/pool.h"
#include "xml/target.h"

/* What the storage driver writes of active pools, and of defined ones
 * (src/storage/storage_driver.c). */
static const char *const libvirt_dirs[] = {"/run/libvirt/storage", "/etc/libvirt/storage"};

static char *
read_target(const char *dir_path, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".xml", NULL);
    g_autoptr(GError) error = NULL;
    rl_autofd int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t length;

    if (dir < 0)
        return NULL;
    g_autofree char *text = rl_dir_read_file(dir, file, RL_POOL_SIZE_MAX, &length, NULL);
    char *path = text ? rl_xml_target_path(text, length, file, &error) : NULL;
    if (error)
        rl_log_warning("cannot tell where pool '%s' is: %s", name, error->message);
    return path;
}

char *
rl_pools_reflink_root(const char *name)
{
    if (strchr(name, '/') || name[0] == '.')
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(libvirt_dirs); i++) {
        g_autofree char *path = read_target(libvirt_dirs[i], name);
        if (path)
            return rl_pool_has_marker(path) ? g_steal_pointer(&path) : NULL;
    }
    return NULL;
}
