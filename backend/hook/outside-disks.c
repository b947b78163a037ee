/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "outside-disks.h"

#include "common/base/error.h"
#include "common/pool/pool.h"
#include "disk-place.h"

static bool
require_file(const RlDomain *domain, const RlNamedFile *file, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!rl_disk_place_may_be_image(file->path))
        return true;
    if (!rl_disk_place_find(file->path, &place, error))
        return false;
    if (!place.name) {
        g_autofree char *what = g_strdup_printf("domain '%s': %s", domain->name, file->element);
        return rl_disk_place_require_file(&place, what, file->path, error);
    }
    return rl_fail(
        error, RL_ERROR_INVALID,
        "domain '%s': %s names '%s', a file of volume '%s' in reflink pool '%s', which only a "
        "<disk> may name. Attach the volume as a disk, or name a copy outside of the pool",
        domain->name, file->element, file->path, place.name, place.root);
}

/* What lies in the directory is asked for: the directory may be the pool's own. */
static bool
require_directory(const RlDomain *domain, const RlNamedFile *file, GError **error)
{
    g_autofree char *in_it = g_build_filename(file->path, "x", NULL);
    g_autofree char *root = NULL, *inside = NULL;

    if (!rl_pool_find(in_it, &root, &inside, error))
        return false;
    return !root || rl_fail(error, RL_ERROR_INVALID,
                            "domain '%s': the <filesystem> '%s' lies in reflink pool '%s', and the "
                            "guest could write to images there in place. Share a directory outside "
                            "of the pool, or make the filesystem <readonly/>",
                            domain->name, file->path, root);
}

bool
rl_outside_disks_require(const RlDomain *domain, GError **error)
{
    const GPtrArray *files = domain->files;

    if (files->len > RL_NAMED_FILES_MAX)
        return rl_fail(error, RL_ERROR_INVALID,
                       "domain '%s' names more than %d files: these are too many to check whether "
                       "one is an image of a reflink pool",
                       domain->name, RL_NAMED_FILES_MAX);
    for (guint i = 0; i < files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(files, i);
        if (!(file->shared ? require_directory(domain, file, error)
                           : require_file(domain, file, error)))
            return false;
    }
    return true;
}
