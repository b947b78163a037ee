/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer-base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "at-rest.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/format/overlay-base.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/pool/volume.h"
#include "disk-place.h"
#include "layer-refusal.h"
#include "name-age.h"
#include "owner.h"
#include "read-disk.h"
#include "revision-source.h"
#include "run-record.h"
#include "xml/documents.h"

/* A disk, or a layer below it. */
typedef struct {
    const RlDisk *disk;
    const char *above;      /* the overlay's path; NULL where it is a read-only disk itself */
    const RlRunRecord *run; /* that has used it; NULL where one is about to begin */
} Place;

/* An image at rest there. */
typedef struct {
    const Place *place;
    const RlVolume *volume;
    const char *file;
    RlFileRole role;
    int fd;
    char *id;
} Base;

static void
base_clear(Base *base)
{
    rl_fd_close(&base->fd);
    g_free(base->id);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Base, base_clear)

/* A layer that is given as a volume comes last. */
static const char *
path_above(const RlDisk *disk, guint layer)
{
    for (guint i = MIN(layer, disk->backing->len); i-- > 0;)
        if (strcmp(g_ptr_array_index(disk->backing_formats, i), "raw") != 0)
            return g_ptr_array_index(disk->backing, i);
    return disk->path;
}

static bool
get_id(Base *base, GError **error)
{
    /* What a process writes to may be no image at all (overlay-file.h). */
    return rl_image_id_get(base->fd, &base->id, error) &&
           (base->id || rl_lease_has_writer(base->fd) ||
            rl_image_id_ensure(base->fd, &base->id, error));
}

static bool
refuse(const Base *base, const RlOverlayBase *noted, GError **error)
{
    const RlDisk *disk = base->place->disk;

    return rl_layer_refuse(&(RlLayer){.target = disk->target ? disk->target : "?",
                                      .overlay = base->place->above,
                                      .volume = base->volume,
                                      .file = base->file,
                                      .fd = base->fd,
                                      .edited = strcmp(noted->state.id, base->id) == 0},
                           noted, error);
}

/* The overlay above @base must have been on it before, if it was on any, and it must be as it was
 * then. What cannot be opened at once, or has no attributes, says nothing. */
static bool
require_state(const Base *base, GError **error)
{
    const char *name = base->volume->name->volume;
    rl_autofd int fd = open(base->place->above, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    g_auto(RlOverlayBase) noted = {0};
    g_autoptr(GError) cause = NULL;
    struct stat st;

    if (fd < 0 || fstat(base->fd, &st) < 0 || !rl_overlay_base_get(fd, &noted, NULL))
        return true;
    /* A named revision may be a reflink of that state, which is what the refusal advises. */
    bool copy = base->role == RL_FILE_LABEL && rl_image_copy_is(base->fd, &noted.state);
    if (!copy && !rl_image_base_is(&noted.state, base->id, &st))
        return refuse(base, &noted, error);
    if (!rl_overlay_base_set(fd, &noted, base->id, name, &st, &cause))
        rl_log_warning("'%s': cannot record that it is an overlay on '%s': %s", base->place->above,
                       base->file, cause->message);
    return true;
}

/* Durable once: pruning may come before the domain's next start. */
static void
keep_from_pruning(int fd, const RlVolume *volume, const char *file)
{
    g_autoptr(GError) cause = NULL;
    bool set;

    if (!rl_xattr_set_new(fd, RL_ATTR_LAYER, "1", &set, &cause) ||
        (set && fsync(fd) < 0 && rl_fail_errno(&cause, errno, "cannot sync it")))
        rl_log_warning("volume '%s': cannot record that a domain needs '%s', which may be removed "
                       "as an old revision: %s",
                       volume->name->volume, file, cause ? cause->message : g_strerror(errno));
}

/* Has the image had its name since that run began? Else the domain may have had another one, and
 * has it still. */
static bool
was_there(const Base *base)
{
    return base->role == RL_FILE_REVISION || rl_name_age_is_older(base->fd, base->place->run);
}

static bool
check(const Place *place, const RlVolume *volume, const char *file, RlFileRole role, GError **error)
{
    g_auto(Base) base = {.place = place, .volume = volume, .file = file, .role = role, .fd = -1};

    if (volume->dir >= 0)
        base.fd = rl_volume_open_image(volume, file, NULL);
    /* One that is missing is a matter of libvirt's. */
    if (base.fd < 0 || !get_id(&base, NULL) || !base.id)
        return true;
    if (place->run && !was_there(&base))
        return true;
    if (place->above && !require_state(&base, place->run ? NULL : error))
        return place->run;
    if (role != RL_FILE_LABEL)
        keep_from_pruning(base.fd, volume, file);
    return true;
}

/* An overlay of a domain that was off, on the path of a volume that is at rest: it lies on the
 * clean image, and the dirty image that its first start gives it is made from that. */
static bool
check_at_rest(const Place *layer, const RlDiskPlace *place, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(place->root, rl_xml_documents(), error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, place->name, error) : NULL;

    if (!volume)
        return false;
    return volume->dirty.there || !volume->clean.there ||
           !rl_pool_has_links(pool, volume->name->dir) ||
           check(layer, volume, volume->clean_file, RL_FILE_CLEAN, error);
}

static bool
check_path(const Place *layer, const char *path, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!path)
        return true;
    if (!rl_disk_place_find(path, &place, error))
        return false;
    if (place.alias && layer->above)
        return check_at_rest(layer, &place, error);
    bool fixed = place.role == RL_FILE_REVISION || place.role == RL_FILE_LABEL;
    if (!place.name || !place.file || !(fixed || (layer->above && place.role == RL_FILE_CLEAN)))
        return true;
    g_autoptr(RlPool) pool = rl_pool_open(place.root, rl_xml_documents(), error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, place.name, error) : NULL;
    return volume && check(layer, volume, place.file, place.role, error);
}

static bool
check_volume(const Place *layer, const char *pool_name, const char *text, GError **error)
{
    g_auto(RlRevisionSource) revision = {0};

    if (!rl_revision_source_find(pool_name, text, &revision, error))
        return false;
    return !revision.file || check(layer, revision.volume, revision.file,
                                   revision.labelled ? RL_FILE_LABEL : RL_FILE_REVISION, error);
}

static bool
check_disk(const RlDisk *disk, const RlRunRecord *run, GError **error)
{
    const Place itself = {.disk = disk, .run = run};

    if (disk->readonly && (!check_path(&itself, disk->path, error) ||
                           !check_volume(&itself, disk->pool, disk->volume, error)))
        return false;
    for (guint i = 0; i < disk->backing->len; i++) {
        const char *format = g_ptr_array_index(disk->backing_formats, i);
        const Place layer = {disk, path_above(disk, i), run};
        if (layer.above && (*format == '\0' || strcmp(format, "raw") == 0) &&
            !check_path(&layer, g_ptr_array_index(disk->backing, i), error))
            return false;
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        const Place layer = {disk, path_above(disk, G_MAXUINT), run};
        if (layer.above && !check_volume(&layer, ref->pool, ref->volume, error))
            return false;
    }
    return true;
}

bool
rl_layer_bases_require(const RlDomain *domain, GError **error)
{
    for (guint i = 0; i < domain->disks->len; i++)
        if (!check_disk(g_ptr_array_index(domain->disks, i), NULL, error))
            return false;
    return true;
}

void
rl_layer_bases_note(const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    RlRunRecord run;

    if (!rl_run_record_read(&owner, &run))
        return;
    for (guint i = 0; i < domain->disks->len; i++) {
        g_autoptr(GError) error = NULL;
        if (!check_disk(g_ptr_array_index(domain->disks, i), &run, &error))
            rl_log_warning("domain %s: cannot record the images below its disks: %s", domain->name,
                           error->message);
    }
}

void
rl_layer_bases_keep_read(const RlDomain *domain)
{
    for (guint i = 0; i < domain->disks->len; i++) {
        g_auto(RlReadDisk) read = {0};
        bool gone;
        if (!rl_read_disk_find(g_ptr_array_index(domain->disks, i), &read, NULL) || !read.volume ||
            read.volume->dir < 0 || read.whole || strcmp(read.file, read.volume->clean_file) != 0)
            continue;
        rl_autofd int fd = rl_at_rest_open(domain, &read, &gone);
        if (fd >= 0)
            keep_from_pruning(fd, read.volume, read.file);
    }
}
