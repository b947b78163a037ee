/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clean-dates.h"

#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/image/restore-fit.h"
#include "common/pool/volume.h"
#include "read-disk.h"
#include "read-state.h"

bool
rl_clean_dates_has_any(const RlDomain *domain)
{
    for (guint i = 0; i < domain->disks->len; i++) {
        g_auto(RlReadDisk) read = {0};
        if (rl_read_disk_find(g_ptr_array_index(domain->disks, i), &read, NULL) && read.volume)
            return true;
    }
    return false;
}

/* What is missing is a matter of libvirt's. Of a volume its start compares the dates. */
static bool
require(const RlDisk *disk, const RlReadDisk *read, const RlDomainRef *owner, GError **error)
{
    bool known;

    if (!rl_read_state_require(disk, read, owner, &known, error))
        return false;
    if (known || read->whole)
        return true;
    rl_autofd int fd =
        read->volume->dir >= 0 ? rl_volume_open_image(read->volume, read->file, NULL) : -1;

    return fd < 0 || rl_fits_require_at_rest(read->volume, read->file, fd, owner, error);
}

/* What the image of @use notes of its save, owned by the caller, where it is as it was then: it has
 * no later one. Else NULL: of an earlier one the memory's file has the earlier date. */
static RlSave *
noted_save(const RlDomainVolume *use, const char *digest)
{
    RlPool *pool = rl_domain_volume_pool(use, NULL);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, use->name, NULL) : NULL;
    g_autoptr(RlSave) save = NULL;
    struct stat st;

    if (!volume || !volume->dirty.there)
        return NULL;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd < 0 || !rl_save_get(fd, &save, NULL) || !save || !save->id || fstat(fd, &st) < 0 ||
        !rl_save_has_same_image(save, &st))
        return NULL;
    bool other = digest && save->memory && strcmp(digest, save->memory) != 0;
    return other ? NULL : g_steal_pointer(&save);
}

void
rl_clean_dates_give(const GPtrArray *uses, RlMemory *memory)
{
    for (guint i = 0; i < uses->len; i++) {
        g_autoptr(RlSave) save = noted_save(g_ptr_array_index(uses, i), memory->digest);
        gint64 us = save ? save->ended_us : 0;
        if (us != 0 && (memory->noted_us == 0 || us < memory->noted_us))
            memory->noted_us = us;
        if (save && !memory->reads)
            memory->reads = g_steal_pointer(&save->reads);
    }
}

bool
rl_clean_dates_require(const RlDomain *domain, const RlDomainRef *owner, GError **error)
{
    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        g_auto(RlReadDisk) read = {0};
        if (!rl_read_disk_find(disk, &read, error) ||
            (read.volume && !require(disk, &read, owner, error)))
            return false;
    }
    return true;
}
