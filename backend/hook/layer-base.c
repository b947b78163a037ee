/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer-base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "at-rest.h"
#include "backend/libvirt/pool-registry.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/format/overlay-base.h"
#include "common/format/volume-name.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/pool/volume.h"
#include "disk-place.h"
#include "fresh-overlay.h"
#include "layer-refusal.h"
#include "name-age.h"
#include "owner.h"
#include "read-disk.h"
#include "revision-source.h"
#include "run-record.h"
#include "started-volumes.h"
#include "xml/documents.h"

/* A disk, or a layer below it. */
typedef struct {
    const RlDomain *domain;
    const RlDisk *disk;
    bool is_layer;
    const char *above;      /* the overlay's path; NULL where that is not known, or there is none */
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

/* What is not noted is not found later: the state that the disk lies on could be pruned, or another
 * one be used. Only for want of space a start is refused: a file system may take no attributes, or
 * be mounted read-only. While the domain runs nothing can be refused. */
static bool
may_go_without(const Place *place, GError *cause, const char *file, GError **error)
{
    if (!place->run && rl_ended_means_full(cause)) {
        g_propagate_prefixed_error(error, cause,
                                   "disk '%s': cannot record on '%s' which state the disk lies on. "
                                   "Make room on its file system, then try again: ",
                                   place->disk->target ? place->disk->target : "?", file);
        return false;
    }
    rl_log_warning("'%s': cannot record which state the disk '%s' lies on: %s", file,
                   place->disk->target ? place->disk->target : "?", cause->message);
    g_error_free(cause);
    return true;
}

/* The overlay above @base must have been on it before, if it was on any, and it must be as it was
 * then. What cannot be opened at once, or has no attributes, says nothing. */
static bool
require_state(const Base *base, GError **error)
{
    const char *name = base->volume->name->volume;
    rl_autofd int fd = open(base->place->above, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    g_auto(RlOverlayBase) noted = {0};
    GError *cause = NULL;
    struct stat st;

    if (fd < 0 || fstat(base->fd, &st) < 0 || !rl_overlay_base_get(fd, &noted, NULL))
        return true;
    /* A revision may be a reflink of that state, which is what the refusal advises. */
    bool copy = base->role != RL_FILE_CLEAN && rl_image_copy_is(base->fd, &noted.state);
    if (!copy && !rl_image_base_is(&noted.state, base->id, &st))
        return refuse(base, &noted, error);
    return rl_overlay_base_set(fd, &noted, base->id, name, &st, &cause) ||
           may_go_without(base->place, cause, base->place->above, error);
}

/* Durable once: pruning may come before the domain's next start. */
static bool
keep_from_pruning(int fd, GError **error)
{
    bool set;

    return rl_xattr_set_new(fd, RL_ATTR_LAYER, "1", &set, error) &&
           (!set || fsync(fd) == 0 || rl_fail_errno(error, errno, "cannot sync it"));
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
    GError *cause = NULL;

    if (volume->dir >= 0)
        base.fd = rl_volume_open_image(volume, file, NULL);
    /* One that is missing is a matter of libvirt's. */
    if (base.fd < 0)
        return true;
    if (!get_id(&base, &cause))
        return may_go_without(place, cause, file, error);
    if (!base.id)
        return true;
    if (place->run && !was_there(&base))
        return true;
    if (place->above && !require_state(&base, place->run ? NULL : error))
        return place->run;
    return role == RL_FILE_LABEL || keep_from_pruning(base.fd, &cause) ||
           may_go_without(place, cause, file, error);
}

/* Opens the overlay above @place, and reads what it was used on: -1 where there is none. */
static int
open_above(const Place *place, RlOverlayBase *noted)
{
    rl_autofd int fd =
        place->above ? open(place->above, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

    if (fd >= 0)
        rl_overlay_base_get(fd, noted, NULL);
    return rl_fd_steal(&fd);
}

/* Does it lie on the clean image, and not on a dirty image that is gone? It was used on that, or
 * was not used on anything. To a domain that runs, and was not started on the volume, the disk was
 * given as it was at rest. */
static bool
is_on_clean(const Place *layer, const RlVolume *volume)
{
    const RlDomainVolume use = {.root = volume->pool->path, .name = volume->name->volume};
    g_auto(RlOverlayBase) noted = {0};
    rl_autofd int fd = open_above(layer, &noted);

    if (layer->run && !rl_started_volumes_has(layer->domain, &use))
        return true;
    return noted.state.id || (fd >= 0 && rl_overlay_is_fresh(fd));
}

/* An overlay that was made while its domain ran lies on what the guest had written by then. */
static bool
refuse_lost(const Place *layer, const RlVolume *volume, GError **error)
{
    const char *name = volume->name->volume;
    const char *target = layer->disk->target ? layer->disk->target : "?";
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, NULL);
    g_autofree char *id = NULL;

    if (fd < 0 || !layer->above || !rl_image_id_ensure(fd, &id, NULL))
        return rl_fail(
            error, RL_ERROR_STATE,
            "disk '%s': volume '%s' has no dirty image, and the domain's disk may be an "
            "overlay on that image. Restore it from a backup, or give the domain another "
            "disk",
            target, name);
    return rl_fail(
        error, RL_ERROR_STATE,
        "disk '%s': volume '%s' has no dirty image, and the overlay '%s' may lie on that "
        "image: the disk would be damaged. Restore the dirty image from a backup. If the "
        "overlay was made while the domain was off, it lies on the clean image: then "
        "type 'setfattr -n %s%s -v \"%s %s\" %s'",
        target, name, layer->above, RL_ATTR_PREFIX, RL_ATTR_ON, id, name, layer->above);
}

/* So that the clean image does not count for it where the dirty image is lost. */
static void
note_running(const Place *layer, const RlVolume *volume)
{
    g_auto(RlOverlayBase) noted = {0};
    rl_autofd int fd = open_above(layer, &noted);
    g_autoptr(GError) cause = NULL;

    if (fd >= 0 && !noted.state.id && !rl_overlay_base_set_dirty(fd, volume->name->volume, &cause))
        rl_log_warning("'%s': cannot record that it is an overlay on '%s': %s", layer->above,
                       volume->dirty_file, cause->message);
}

/* An overlay on the path of a volume, where that is there at rest, too. One that was made while its
 * domain was off lies on the clean image, and the dirty image that its first start gives it is made
 * from that. */
static bool
check_below(const Place *layer, const char *root, const char *name, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(root, rl_xml_documents(), error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, name, error) : NULL;

    if (!volume)
        return false;
    if (!rl_pool_has_links(pool, volume->name->dir))
        return true;
    if (volume->dirty.there)
        note_running(layer, volume);
    if (volume->dirty.there || !volume->clean.there)
        return true;
    if (!is_on_clean(layer, volume))
        return layer->run || refuse_lost(layer, volume, error);
    return !layer->above || check(layer, volume, volume->clean_file, RL_FILE_CLEAN, error);
}

/* @raw: it is no overlay itself. */
static bool
check_path(const Place *layer, const char *path, bool raw, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!path)
        return true;
    if (!rl_disk_place_find(path, &place, error))
        return false;
    if (layer->is_layer && place.name && place.role == RL_FILE_DIRTY)
        return check_below(layer, place.root, place.name, error);
    if (layer->is_layer && (!layer->above || !raw))
        return true;
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

/* A layer that is a volume by name. */
static bool
check_layer_volume(const Place *layer, const RlVolumeRef *ref, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse_volume(ref->volume, NULL);
    g_autofree char *root = NULL;

    if (!name)
        return !layer->above || check_volume(layer, ref->pool, ref->volume, error);
    if (!rl_pools_reflink_root(ref->pool, &root, error))
        return false;
    return !root || check_below(layer, root, name->volume, error);
}

static bool
check_disk(const RlDomain *domain, const RlDisk *disk, const RlRunRecord *run, GError **error)
{
    const Place itself = {.domain = domain, .disk = disk, .run = run};

    if (disk->readonly && (!check_path(&itself, disk->path, true, error) ||
                           !check_volume(&itself, disk->pool, disk->volume, error)))
        return false;
    for (guint i = 0; i < disk->backing->len; i++) {
        const char *format = g_ptr_array_index(disk->backing_formats, i);
        bool raw = *format == '\0' || strcmp(format, "raw") == 0;
        const Place layer = {domain, disk, true, path_above(disk, i), run};
        if (!check_path(&layer, g_ptr_array_index(disk->backing, i), raw, error))
            return false;
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const Place layer = {domain, disk, true, path_above(disk, G_MAXUINT), run};
        if (!check_layer_volume(&layer, g_ptr_array_index(disk->backing_volumes, i), error))
            return false;
    }
    return true;
}

bool
rl_layer_bases_require(const RlDomain *domain, GError **error)
{
    for (guint i = 0; i < domain->disks->len; i++)
        if (!check_disk(domain, g_ptr_array_index(domain->disks, i), NULL, error))
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
        if (!check_disk(domain, g_ptr_array_index(domain->disks, i), &run, &error))
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
        g_autoptr(GError) cause = NULL;
        if (fd >= 0 && !keep_from_pruning(fd, &cause))
            rl_log_warning("volume '%s': cannot record that a domain needs '%s', which may be "
                           "removed as an old revision: %s",
                           read.volume->name->volume, read.file, cause->message);
    }
}
