/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer-refusal.h"

#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/fs/xattr.h"
#include "common/pool/revision-list.h"

/* One that was edited in place since has the id, and not the state. */
static bool
has_state(const RlVolume *volume, const char *file, const RlImageBase *noted)
{
    rl_autofd int fd = rl_volume_open_image(volume, file, NULL);
    g_autofree char *id = NULL;
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 &&
           ((rl_image_id_get(fd, &id, NULL) && id && rl_image_base_is(noted, id, &st)) ||
            rl_image_copy_is(fd, noted));
}

static char *
path_of(const RlVolume *volume, const char *file)
{
    return g_build_filename(volume->pool->path, volume->name->dir, file, NULL);
}

/* The path of the clean image or revision of @volume in the state @noted, owned by the caller;
 * NULL where there is none. */
static char *
find_in(const RlVolume *volume, const RlImageBase *noted)
{
    if (volume->dir < 0)
        return NULL;
    if (volume->clean.there && has_state(volume, volume->clean_file, noted))
        return path_of(volume, volume->clean_file);
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, NULL);
    for (guint i = 0; revisions && i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (has_state(volume, revision->file, noted))
            return path_of(volume, revision->file);
    }
    return NULL;
}

/* The state may have gone with the volume to another name, or have stayed with the noted one. */
static char *
find_state(const RlLayer *layer, const RlOverlayBase *noted, const char **ret_volume)
{
    char *state = find_in(layer->volume, &noted->state);

    *ret_volume = layer->volume->name->volume;
    if (state || strcmp(noted->volume, *ret_volume) == 0)
        return state;
    g_autoptr(RlVolume) other = rl_volume_open(layer->volume->pool, noted->volume, NULL);
    state = other ? find_in(other, &noted->state) : NULL;
    if (state)
        *ret_volume = noted->volume;
    return state;
}

static bool
refuse_edited(const RlLayer *layer, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "disk '%s': the image '%s' of volume '%s' was changed in place since the overlay "
        "'%s' was used on it: the disk would be damaged. Restore that image from a "
        "backup, with its date and attributes. If only its date was changed, or the overlay was "
        "made "
        "again or rebased on it, type 'setfattr -x %s%s %s'",
        layer->target, layer->file, layer->volume->name->volume, layer->overlay, RL_ATTR_PREFIX,
        RL_ATTR_ON_DATE, layer->overlay);
}

static bool
refuse_gone(const RlLayer *layer, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "disk '%s': the overlay '%s' was used on another state of volume '%s' than "
                   "that of '%s'. The state that it needs is gone, so the disk would be damaged. "
                   "Restore that state from a backup. If the overlay was made again or rebased on "
                   "the present state, type 'setfattr -x %s%s %s'",
                   layer->target, layer->overlay, layer->volume->name->volume, layer->file,
                   RL_ATTR_PREFIX, RL_ATTR_ON, layer->overlay);
}

/* A named revision that has the noted id. */
static bool
refuse_doubtful(const RlLayer *layer, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "disk '%s': the named revision '%s' of volume '%s' was made from the image that "
                   "the overlay '%s' was used on, but it is not certain that the revision has the "
                   "content that this image had then: an earlier version made the revision, or one "
                   "of the two was changed in place. The disk may be damaged. Restore that state "
                   "from a backup. If you are sure that the revision has that content, type "
                   "'setfattr -x %s%s %s'",
                   layer->target, layer->file, layer->volume->name->volume, layer->overlay,
                   RL_ATTR_PREFIX, RL_ATTR_ON, layer->overlay);
}

bool
rl_layer_refuse(const RlLayer *layer, const RlOverlayBase *noted, GError **error)
{
    const char *volume;
    g_autofree char *state = find_state(layer, noted, &volume);

    /* Who makes an overlay again over its file, or rebases it, keeps the inode and the note on it:
     * the way out is to remove that. */
    if (!state && layer->edited)
        return refuse_edited(layer, error);
    if (!state && rl_image_copy_may_be(layer->fd, noted->state.id))
        return refuse_doubtful(layer, error);
    if (!state)
        return refuse_gone(layer, error);
    return rl_fail(
        error, RL_ERROR_STATE,
        "disk '%s': the overlay '%s' was used on another state of volume '%s' than that of '%s', "
        "so the disk would be damaged. The state that it needs is in '%s' now. Name this file in "
        "the disk's <backingStore>; or make a named revision of it ('virsh vol-clone'), whose name "
        "does not change, and name the revision there. If the overlay was made again or rebased on "
        "the present state, type 'setfattr -x %s%s %s'",
        layer->target, layer->overlay, volume, layer->file, state, RL_ATTR_PREFIX, RL_ATTR_ON,
        layer->overlay);
}
