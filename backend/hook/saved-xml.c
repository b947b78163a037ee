/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved-xml.h"

#include <string.h>

#include "backend/libvirt/pool-registry.h"
#include "calling-daemon.h"
#include "common/base/error.h"
#include "common/format/volume-name.h"
#include "common/fs/path-writers.h"
#include "common/pool/opened-image.h"
#include "common/pool/volume.h"
#include "daemon-version.h"
#include "disk-place.h"
#include "header-layers.h"
#include "owner.h"
#include "save-file.h"
#include "saved-xml-files.h"
#include "xml/definitions.h"
#include "xml/documents.h"

/* An image that the save file names. */
typedef struct {
    const RlDisk *disk;
    const char *path;          /* of the image, or NULL */
    const char *pool, *volume; /* its names, or NULL */
    bool layer;
} Named;

static bool
writes(const Named *named)
{
    return !named->layer && !named->disk->readonly;
}

static bool
is_same(const Named *named, const char *path, const char *pool, const char *volume)
{
    return named->path ? g_strcmp0(named->path, path) == 0
                       : g_strcmp0(named->pool, pool) == 0 && g_strcmp0(named->volume, volume) == 0;
}

static bool
is_layer_of(const Named *named, const RlDisk *defined)
{
    for (guint i = 0; i < defined->backing->len; i++)
        if (is_same(named, g_ptr_array_index(defined->backing, i), NULL, NULL))
            return true;
    for (guint i = 0; i < defined->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(defined->backing_volumes, i);
        if (is_same(named, NULL, ref->pool, ref->volume))
            return true;
    }
    return false;
}

/* What the definition only reads is not to be written to. */
static bool
is_defined(const Named *named, const RlDomain *definition)
{
    for (guint i = 0; definition && i < definition->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(definition->disks, i);
        bool is = is_same(named, disk->path, disk->pool, disk->volume) ||
                  is_same(named, disk->data_path, disk->data_pool, disk->data_volume);
        if (writes(named) ? is && !disk->readonly : is || is_layer_of(named, disk))
            return true;
    }
    return false;
}

/* Does the dirty image say that @domain ran on it, and wrote if it is to write? */
static bool
ran_on(const Named *named, const RlDiskPlace *place, const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    g_autoptr(RlPool) pool = rl_pool_open(place->root, rl_xml_documents(), NULL);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, place->name, NULL) : NULL;
    g_auto(RlDirtyImage) image = {.fd = -1};

    return volume && rl_dirty_image_open(volume, &image, NULL) && image.run &&
           rl_dirty_image_is_of(&image, &owner) && !(writes(named) && image.run->readonly);
}

static bool
refuse(const Named *named, const RlDiskPlace *place, const RlDomain *domain, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': the save file of domain '%s', which the device model may have "
                   "written, says that the domain %s an image of volume '%s'. Neither the domain's "
                   "definition nor the attributes of the image say so. If the save file is right, "
                   "give the domain that disk in its definition ('virsh edit'). Otherwise start "
                   "the domain without the saved memory (after 'virsh managedsave-remove')",
                   named->disk->target ? named->disk->target : "?", domain->name,
                   writes(named) ? "writes to" : "reads", place->name);
}

/* What such a name leads to is libvirt's to find out, and may be the device below a pool's file
 * system, as a volume of the group that has it. */
static bool
refuse_plain(const Named *named, const RlDomain *domain, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': the save file of domain '%s', which the device model may have "
                   "written, names volume '%s' of pool '%s'. The domain's definition does not name "
                   "it. If the save file is right, give the domain that disk in its definition "
                   "('virsh edit', or 'virsh define' if it has none). Otherwise start the domain "
                   "without the saved memory (after 'virsh managedsave-remove')",
                   named->disk->target ? named->disk->target : "?", domain->name, named->volume,
                   named->pool);
}

static bool
require_place(const Named *named, const RlDiskPlace *place, const RlDomain *domain,
              const RlDomain *definition, GError **error)
{
    if (!place->name || is_defined(named, definition))
        return true;
    if (place->role == RL_FILE_DIRTY && ran_on(named, place, domain))
        return true;
    if (named->layer && rl_header_layers_may_be_below(place, domain, false))
        return true;
    return refuse(named, place, domain, error);
}

static bool
require_path(const Named *named, const RlDomain *domain, const RlDomain *definition, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    return !named->path || (rl_disk_place_find(named->path, &place, error) &&
                            require_place(named, &place, domain, definition, error));
}

static bool
require_volume(const Named *named, const RlDomain *domain, const RlDomain *definition,
               GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!named->volume || is_defined(named, definition))
        return true;
    if (!rl_pools_reflink_root(named->pool, &place.root, error))
        return false;
    g_autoptr(RlName) name = place.root ? rl_name_parse(named->volume, NULL) : NULL;
    if (!name)
        return refuse_plain(named, domain, error);
    place.name = g_strdup(name->volume);
    place.role = name->form == RL_NAME_HEAD ? RL_FILE_DIRTY : RL_FILE_REVISION;
    return require_place(named, &place, domain, definition, error);
}

static bool
require_written(Named whole, const RlDomain *domain, const RlDomain *definition, GError **error)
{
    if (!require_path(&whole, domain, definition, error))
        return false;
    whole.path = NULL;
    return require_volume(&whole, domain, definition, error);
}

static bool
require_disk(const RlDisk *disk, const RlDomain *domain, const RlDomain *definition, GError **error)
{
    Named whole = {.disk = disk, .path = disk->path, .pool = disk->pool, .volume = disk->volume},
          data = {.disk = disk,
                  .path = disk->data_path,
                  .pool = disk->data_pool,
                  .volume = disk->data_volume};

    if (!require_written(whole, domain, definition, error) ||
        !require_written(data, domain, definition, error))
        return false;
    for (guint i = 0; i < disk->backing->len; i++) {
        Named layer = {.disk = disk, .path = g_ptr_array_index(disk->backing, i), .layer = true};
        if (!require_path(&layer, domain, definition, error))
            return false;
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        Named layer = {.disk = disk, .pool = ref->pool, .volume = ref->volume, .layer = true};
        if (!require_volume(&layer, domain, definition, error))
            return false;
    }
    return true;
}

/* The text is what the hook gets, and not what libvirt makes of it. */
static bool
require_plain(const RlDomain *domain, GError **error)
{
    return !domain->odd ||
           rl_fail(error, RL_ERROR_INVALID,
                   "the save file of domain '%s', which the device model may have written, has XML "
                   "that libvirt does not write and may read differently: %s. Start the domain "
                   "without the saved memory (after 'virsh managedsave-remove')",
                   domain->name, domain->odd);
}

bool
rl_saved_xml_require_below(const char *top, const RlDomain *domain, GError **error)
{
    g_autoptr(RlDomain) definition = rl_xml_definitions_read_below(top, domain->name, domain->uuid);

    if (!require_plain(domain, error))
        return false;
    for (guint i = 0; i < domain->disks->len; i++)
        if (!require_disk(g_ptr_array_index(domain->disks, i), domain, definition, error))
            return false;
    return rl_saved_xml_files_require(domain, definition, error);
}

bool
rl_saved_xml_require(const RlDomain *domain, GError **error)
{
    RlWriter anyone = {.anyone = true};

    if (strcmp(rl_domain_ref_of(domain).driver, "qemu") != 0)
        return true;
    g_autoptr(RlMemory) memory = rl_save_file_find_alone(domain->uuid);
    /* libvirt has written the XML in root's file, if the emulator had no more than a pipe to that.
     * A core dump is root's, and its device model's by content: who may change names where such a
     * file lies can make it a save file. */
    if (memory && memory->by_root && rl_daemon_saves_through_pipe(rl_calling_daemon_pid()) &&
        !rl_path_can_be_changed(memory->file, &anyone))
        return true;
    return rl_saved_xml_require_below("/", domain, error);
}
