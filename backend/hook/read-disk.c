/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read-disk.h"

#include "backend/libvirt/pool-registry.h"
#include "common/format/volume-name.h"
#include "common/pool/opened-image.h"
#include "disk-place.h"
#include "owner.h"
#include "revision-source.h"
#include "xml/documents.h"

static bool
find_by_path(const char *path, RlReadDisk *read, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!rl_disk_place_find(path, &place, error))
        return false;
    if (!place.name)
        return true;
    read->pool = rl_pool_open(place.root, rl_xml_documents(), error);
    read->volume = read->pool ? rl_volume_open(read->pool, place.name, error) : NULL;
    if (!read->volume)
        return false;
    read->whole = !place.file || place.role == RL_FILE_DIRTY;
    read->file = read->whole ? g_strdup(read->volume->dirty_file) : g_steal_pointer(&place.file);
    return true;
}

/* What is no volume of a reflink pool is none of ours. */
static bool
find_volume(const char *pool, const char *text, RlReadDisk *read, GError **error)
{
    g_autofree char *root = NULL;

    if (!text || !rl_pools_reflink_root(pool, &root, error))
        return !text;
    g_autoptr(RlName) name = root ? rl_name_parse_volume(text, NULL) : NULL;
    if (!name)
        return true;
    read->pool = rl_pool_open(root, rl_xml_documents(), error);
    read->volume = read->pool ? rl_volume_open(read->pool, name->volume, error) : NULL;
    if (!read->volume)
        return false;
    read->whole = true;
    read->file = g_strdup(read->volume->dirty_file);
    return true;
}

static bool
find_by_name(const char *pool, const char *name, RlReadDisk *read, GError **error)
{
    g_auto(RlRevisionSource) revision = {0};

    if (!rl_revision_source_find(pool, name, &revision, error))
        return false;
    if (!revision.file)
        return find_volume(pool, name, read, error);
    read->pool = g_steal_pointer(&revision.pool);
    read->volume = g_steal_pointer(&revision.volume);
    read->file = g_steal_pointer(&revision.file);
    return true;
}

bool
rl_read_disk_find(const RlDisk *disk, RlReadDisk *read, GError **error)
{
    if (!disk->readonly)
        return true;
    read->index = disk->index;
    return disk->path ? find_by_path(disk->path, read, error)
                      : find_by_name(disk->pool, disk->volume, read, error);
}

/* Is the run on the dirty image of @volume that of @domain? It was started on that, then. */
static bool
runs_on_dirty(const RlDomain *domain, const RlVolume *volume)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    g_auto(RlDirtyImage) image = {.fd = -1};

    return volume->dirty.there && rl_dirty_image_open(volume, &image, NULL) && image.fd >= 0 &&
           rl_dirty_image_is_of(&image, &owner);
}

void
rl_read_disk_settle(const RlDomain *domain, RlReadDisk *read)
{
    RlVolume *volume = read->volume;

    if (!volume || !read->whole || volume->dir < 0 || !volume->clean.there ||
        !rl_pool_has_links(read->pool, volume->name->dir) || runs_on_dirty(domain, volume))
        return;
    read->whole = false;
    g_free(read->file);
    read->file = g_strdup(volume->clean_file);
}

void
rl_read_disk_clear(RlReadDisk *read)
{
    g_clear_pointer(&read->volume, rl_volume_close);
    g_clear_pointer(&read->pool, rl_pool_close);
    g_clear_pointer(&read->file, g_free);
}
