/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer-base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-id.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/pool/revision-list.h"
#include "common/pool/volume.h"
#include "disk-place.h"
#include "revision-source.h"
#include "xml/documents.h"

/* A disk, or a layer below it. */
typedef struct {
    const RlDisk *disk;
    const char *above; /* the overlay's path; NULL where it is a read-only disk itself */
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

/* The path of the revision with the id @id, owned by the caller; NULL where there is none. */
static char *
find_state(const RlVolume *volume, const char *id)
{
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, NULL);

    for (guint i = 0; revisions && i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        g_autofree char *its = NULL;
        if (rl_xattr_get_at(volume->dir, revision->file, RL_ATTR_ID, &its, NULL) &&
            g_strcmp0(its, id) == 0)
            return g_build_filename(volume->pool->path, volume->name->dir, revision->file, NULL);
    }
    return NULL;
}

/* Who makes an overlay again over its file, or rebases it, keeps the inode and the note on it: the
 * way out is to remove that. */
static bool
refuse(const Base *base, const char *id, GError **error)
{
    g_autofree char *state = find_state(base->volume, id);
    const char *name = base->volume->name->volume;
    const char *target = base->place->disk->target ? base->place->disk->target : "?";

    if (!state)
        return rl_fail(
            error, RL_ERROR_STATE,
            "disk '%s': the overlay '%s' was used on another state of volume '%s' than '%s' "
            "has, and that state is gone: the disk would be damaged. Restore that state from a "
            "backup. If the overlay was made again or rebased on the present state, type "
            "'setfattr -x %s%s %s'",
            target, base->place->above, name, base->file, RL_ATTR_PREFIX, RL_ATTR_ON,
            base->place->above);
    return rl_fail(error, RL_ERROR_STATE,
                   "disk '%s': the overlay '%s' was used on another state of volume '%s' than '%s' "
                   "has: the disk would be damaged. That state is in '%s' now. Name this file in "
                   "the disk's <backingStore>; or clone it to a named revision ('virsh "
                   "vol-clone'), whose name does not change, and name that. If the overlay was "
                   "made again or rebased on the present state, type 'setfattr -x %s%s %s'",
                   target, base->place->above, name, base->file, state, RL_ATTR_PREFIX, RL_ATTR_ON,
                   base->place->above);
}

/* The overlay above @base must have been on it before, if it was on an image of this volume. What
 * cannot be opened at once, or has no attributes, says nothing. */
static bool
require_state(const Base *base, GError **error)
{
    const char *name = base->volume->name->volume;
    g_autofree char *text = g_strdup_printf("%s %s", base->id, name), *noted = NULL;
    rl_autofd int fd = open(base->place->above, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    g_autoptr(GError) cause = NULL;

    if (fd < 0 || !rl_xattr_get(fd, RL_ATTR_ON, &noted, NULL))
        return true;
    g_auto(GStrv) words = g_strsplit(noted ? noted : "", " ", 2);
    if (words[0] && g_strcmp0(words[1], name) == 0 && strcmp(words[0], base->id) != 0 &&
        base->role != RL_FILE_LABEL)
        return refuse(base, words[0], error);
    if (g_strcmp0(noted, text) != 0 && !rl_xattr_set(fd, RL_ATTR_ON, text, &cause))
        rl_log_warning("'%s': cannot note that it is on '%s': %s", base->place->above, base->file,
                       cause->message);
    return true;
}

/* Durable once: pruning may come before the domain's next start. */
static void
keep_from_pruning(const Base *base)
{
    g_autoptr(GError) cause = NULL;
    bool set;

    if (!rl_xattr_set_new(base->fd, RL_ATTR_LAYER, "1", &set, &cause) ||
        (set && fsync(base->fd) < 0 && rl_fail_errno(&cause, errno, "cannot make it durable")))
        rl_log_warning("volume '%s': cannot record that a domain needs '%s', which may be removed "
                       "as an old revision: %s",
                       base->volume->name->volume, base->file,
                       cause ? cause->message : g_strerror(errno));
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
    if (place->above && !require_state(&base, error))
        return false;
    if (role != RL_FILE_LABEL)
        keep_from_pruning(&base);
    return true;
}

static bool
check_path(const Place *layer, const char *path, GError **error)
{
    g_auto(RlDiskPlace) place = {0};

    if (!path)
        return true;
    if (!rl_disk_place_find(path, &place, error))
        return false;
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
check_disk(const RlDisk *disk, GError **error)
{
    const Place itself = {.disk = disk};

    if (disk->readonly && (!check_path(&itself, disk->path, error) ||
                           !check_volume(&itself, disk->pool, disk->volume, error)))
        return false;
    for (guint i = 0; i < disk->backing->len; i++) {
        const char *format = g_ptr_array_index(disk->backing_formats, i);
        const Place layer = {disk, path_above(disk, i)};
        if (layer.above && (*format == '\0' || strcmp(format, "raw") == 0) &&
            !check_path(&layer, g_ptr_array_index(disk->backing, i), error))
            return false;
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        const Place layer = {disk, path_above(disk, G_MAXUINT)};
        if (layer.above && !check_volume(&layer, ref->pool, ref->volume, error))
            return false;
    }
    return true;
}

bool
rl_layer_bases_require(const RlDomain *domain, GError **error)
{
    for (guint i = 0; i < domain->disks->len; i++)
        if (!check_disk(g_ptr_array_index(domain->disks, i), error))
            return false;
    return true;
}
