/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A start that is put back, since its domain did not come to run. */
#include "start.h"

#include "common/format/ended-note.h"
#include "common/format/image-overlays.h"
#include "common/fs/lease.h"
#include "common/fs/security-labels.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/only-read.h"
#include "common/image/temporary-files.h"
#include "common/image/unwritten.h"
#include "common/image/volume-path.h"

static bool
put_back(int fd, const RlStarted *started, GError **error)
{
    if (started->hold != RL_MARK_NONE && !rl_mark_set(fd, started->hold, error))
        return false;
    return started->before ? rl_image_owner_put_back(fd, started->before, error)
                           : rl_image_owner_clear(fd, error);
}

/* Nobody should have written to an image that was started a moment ago; if somebody did, it is no
 * precache. Of a snapshot that cannot be told where its source is gone, and need not. */
static bool
look_if_untouched(const RlDirtyImage *image, bool *ret_untouched, GError **error)
{
    bool snapshot = image->volume->kind == RL_KIND_SNAPSHOT;
    g_autoptr(RlBase) base = rl_base_open(image->volume, snapshot ? NULL : error);

    *ret_untouched = false;
    if (!base || (snapshot && !rl_dirty_dates_are_true(image->run->driver)))
        return base || snapshot;
    return rl_unwritten_look(image, base, ret_untouched, error);
}

/* libvirt may have given the image to a device model before it refused the disk. As at the end of
 * such a run: what a reader wrote is no state of the volume, and a date is no proof of the
 * contrary.
 */
static bool
put_away_only_read(const RlDirtyImage *image, bool *ret_done, GError **error)
{
    bool written;

    *ret_done = false;
    if (!rl_only_read_is_written(image, NULL, &written, error))
        return false;
    if (written)
        return rl_only_read_refuse(image, "stopped", error);
    *ret_done = !rl_dirty_dates_are_true(image->run->driver);
    return !*ret_done || rl_dirty_drop(image->volume, error);
}

/* What was made for a run that is not to be goes; a direct volume's image gets its name back. */
static bool
put_away(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    bool has_base = volume->kind == RL_KIND_PERSISTENT || volume->kind == RL_KIND_SNAPSHOT;
    bool untouched = true, done = false;

    if (volume->kind == RL_KIND_VOLATILE)
        return rl_dirty_drop(volume, error);
    if (volume->kind == RL_KIND_PERSISTENT && image->run->readonly &&
        (!put_away_only_read(image, &done, error) || done))
        return done;
    if ((has_base && !look_if_untouched(image, &untouched, error)) ||
        !rl_dirty_give_access(volume, image->fd, error) || !rl_image_owner_clear(image->fd, error))
        return false;
    rl_security_labels_forget(image->fd);
    if (!untouched)
        return volume->kind == RL_KIND_PERSISTENT || rl_dirty_drop(volume, error);

    if (!rl_xattr_remove(image->fd, RL_ATTR_ACCESS, error) || !rl_overlays_clear(image->fd, error))
        return false;
    rl_volume_path_let_go(volume);
    const char *back = volume->kind == RL_KIND_DIRECT ? volume->clean_file : volume->precache_file;
    return rl_volume_rename(volume, volume->dirty_file, back, error) &&
           rl_volume_sync(volume, error);
}

bool
rl_volume_unstart(const RlPool *pool, const RlStarted *started, const RlDomainRef *owner,
                  GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, started->volume, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !rl_dirty_image_lock(volume, "undo a start", &image, error))
        return false;
    volume->actor = owner->name;
    if (!rl_dirty_image_is_of(&image, owner) || rl_lease_has_writer(image.fd))
        return true; /* somebody else's by now */
    if (image.mark == RL_MARK_SAVED)
        return true; /* it did run, and waits for its restore */
    RlImageOwner *run = image.run;
    if (started->continued)
        return put_back(image.fd, started, error);
    /* Domains that only read it share it: they go on. */
    if (run->readonly && rl_image_owner_is_held(run, image.fd))
        return rl_image_owner_leave(image.fd, run, error);
    g_autofree char *remembered = rl_dirty_remember(volume, image.fd);
    g_autoptr(GError) cause = NULL;
    bool done = put_away(&image, &cause);
    rl_volume_path_settle_anew(pool, started->volume);
    if (done)
        return true;
    rl_dirty_give_back(volume, image.fd, run, remembered);
    if (rl_ended_means_full(cause))
        rl_ended_note(volume->pool->dev, volume->pool->ino, volume->name->volume, image.fd,
                      run->since_us);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
