/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "header-layers.h"

#include <string.h>

#include "backend/launcher/note-names.h"
#include "backend/libvirt/pool-registry.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-overlays.h"
#include "common/format/image-owner.h"
#include "common/fs/path-writers.h"
#include "common/pool/opened-image.h"
#include "common/pool/overlay-file.h"
#include "common/pool/volume.h"
#include "disk-place.h"
#include "domain-note.h"
#include "domain-volumes.h"
#include "header-files.h"
#include "models-user.h"
#include "owner.h"
#include "started-volumes.h"
#include "xml/definitions.h"
#include "xml/documents.h"

#define NOTE RL_NOTE_LAYERS
/* A thousand disks with many layers. */
#define NOTE_SIZE_MAX (8 << 20)

static void
add_line(GString *text, const char *path)
{
    g_autofree char *line = g_strescape(path, NULL);

    g_string_append_printf(text, "%s\n", line);
}

static bool
is_named(char **named, const char *path)
{
    g_autofree char *line = g_strescape(path, NULL);

    return g_strv_contains((const char *const *) named, line);
}

void
rl_header_layers_note(const RlDomain *domain)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (disk->data_path)
            add_line(text, disk->data_path);
        for (guint j = 0; j < disk->backing->len; j++)
            add_line(text, g_ptr_array_index(disk->backing, j));
    }
    if (text->len == 0)
        rl_domain_note_remove(NOTE, domain);
    else if (!rl_domain_note_write(NOTE, domain, text->str, &error)) {
        rl_log_warning("domain %s: cannot record the layers that its XML names: %s", domain->name,
                       error->message);
        /* What another XML named permits nothing. */
        rl_domain_note_remove(NOTE, domain);
    }
}

/* Returns the noted lines, owned by the caller. */
static char **
read_named(const RlDomain *domain)
{
    g_autoptr(GError) error = NULL;
    size_t length;
    g_autofree char *text = rl_domain_note_read(NOTE, domain, NOTE_SIZE_MAX, &length, &error);

    if (!text && !rl_error_is_errno(error, ENOENT))
        rl_log_warning("domain %s: cannot read the record of the layers that its XML named: %s",
                       domain->name, error->message);
    return g_strsplit(text ? text : "", "\n", -1);
}

/* Has the domain run on the image, or has it an overlay on it? */
static bool
is_noted_on_image(const RlDiskPlace *place, const RlDomainRef *owner)
{
    g_autoptr(RlPool) pool = rl_pool_open(place->root, rl_xml_documents(), NULL);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, place->name, NULL) : NULL;
    g_auto(RlDirtyImage) image = {.fd = -1};

    return volume && rl_dirty_image_open(volume, &image, NULL) &&
           (rl_dirty_image_is_of(&image, owner) || rl_overlays_names(image.below, owner));
}

/* At prepare the domain was given it as a disk: libvirt has put a <transient/> disk's overlay on
 * it. */
static bool
was_started_on(const RlDiskPlace *place, const RlDomain *domain)
{
    RlDomainVolume use = {.root = place->root, .name = place->name};

    return rl_started_volumes_has(domain, &use);
}

static bool
is_in_definition(const RlDiskPlace *place, const RlDomain *domain)
{
    g_autoptr(RlPool) pool = rl_pool_open(place->root, rl_xml_documents(), NULL);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, place->name, NULL) : NULL;

    if (!volume)
        return false;
    g_autofree char *image =
        g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL);
    return rl_xml_definitions_name(image, domain->name, domain->uuid);
}

static bool
is_own_overlay(const RlDiskPlace *place, const RlDomain *domain)
{
    g_autoptr(RlPool) pool = rl_pool_open(place->root, rl_xml_documents(), NULL);

    return pool && rl_overlay_is_of(pool, place->name, domain->uuid);
}

bool
rl_header_layers_may_be_below(const RlDiskPlace *place, const RlDomain *domain, bool begun)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (place->role == RL_FILE_CLEAN)
        return is_own_overlay(place, domain);
    return place->role == RL_FILE_DIRTY &&
           ((begun && was_started_on(place, domain)) || is_noted_on_image(place, &owner) ||
            is_in_definition(place, domain));
}

/* libvirt opens what the header names only after this call: where the device models' user can
 * change names, that can be an image of a pool by then; and where another user can, who may have
 * put that header there, or know who did. But who can change the name of the disk itself, which the
 * XML names, is trusted with what that leads to. */
static bool
require_elsewhere(const RlDisk *disk, const char *path, const RlDiskPlace *place, GError **error)
{
    const char *why = rl_header_file_doubt(path, place, RL_DOUBTFUL_HEADER);

    if (why)
        return rl_fail(error, RL_ERROR_INVALID,
                       "disk '%s': only the header of an image, which a guest may have written, "
                       "names '%s', %s. If the disk needs this file, add a <backingStore> or "
                       "<dataStore> to the domain's XML that names the file, or a copy of it in "
                       "another place",
                       disk->target ? disk->target : "?", path, why);
    g_autofree char *own = disk->path || !disk->pool
                               ? g_strdup(disk->path)
                               : rl_pools_volume_path(disk->pool, disk->volume);
    if (!rl_models_user_can_change(path) && rl_path_is_changed_by_same(path, own))
        return true;
    return rl_fail(
        error, RL_ERROR_INVALID,
        "disk '%s': only the header of an image names '%s', and a user who may write to the "
        "directory of that file can put another one there before libvirt opens it. Name the file "
        "in the domain's XML, in a <backingStore>, or move it to a directory that users cannot "
        "write to",
        disk->target ? disk->target : "?", path);
}

static bool
require_layer(const RlDomain *domain, const RlDisk *disk, const char *path, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!rl_disk_place_find(path, &place, error))
        return false;
    if (!place.name)
        return require_elsewhere(disk, path, &place, error);
    if (rl_header_layers_may_be_below(&place, domain, true))
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': '%s', an image of volume '%s', is named as backing file only by the "
                   "header of an image above it, which a guest may have written. If it is right, "
                   "add to the disk in the domain's XML: <backingStore type='file'><format "
                   "type='raw'/><source file='%s'/><backingStore/></backingStore>",
                   disk->target ? disk->target : "?", path, place.name, path);
}

/* It is written to: nothing but the XML permits that. */
static bool
require_data(const RlDisk *disk, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!rl_disk_place_find(disk->data_path, &place, error))
        return false;
    if (!place.name)
        return require_elsewhere(disk, disk->data_path, &place, error);
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': '%s' is an image of volume '%s', and only the header of the disk's "
                   "image, which a guest may have written, names it as its data file. If the name "
                   "is right, add to the disk's <source> in the domain's XML: <dataStore "
                   "type='file'><format type='raw'/><source file='%s'/></dataStore>",
                   disk->target ? disk->target : "?", disk->data_path, place.name, disk->data_path);
}

bool
rl_header_layers_require(const RlDomain *domain, GError **error)
{
    g_auto(GStrv) named = read_named(domain);

    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (disk->data_path && !is_named(named, disk->data_path) && !require_data(disk, error))
            return false;
        for (guint j = 0; j < disk->backing->len; j++) {
            const char *path = g_ptr_array_index(disk->backing, j);
            if (!is_named(named, path) && !require_layer(domain, disk, path, error))
                return false;
        }
    }
    return true;
}

void
rl_header_layers_forget(const RlDomain *domain)
{
    rl_domain_note_remove(NOTE, domain);
}
