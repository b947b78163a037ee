/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opened-image.h"

#include <errno.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/format/lost-writes-note.h"
#include "common/format/unmarked-run.h"
#include "domains.h"
#include "let-go.h"

/* The end of the run may have been cut off before the image was marked. A write error and a save
 * stay what they are. A copy is none of the run's images. */
static bool
look_for_end(RlDirtyImage *image, GError **error)
{
    const RlImageOwner *run = image->run;

    image->written = image->mark;
    if (!run || run->copied || image->mark == RL_MARK_SAVED || image->mark == RL_MARK_SUSPECT)
        return true;
    RlUnmarked ended;
    if (!rl_unmarked_run_get(run, &ended, error))
        return false;
    image->unmarked = ended != RL_UNMARKED_NOT;
    if (image->unmarked)
        image->mark =
            ended == RL_UNMARKED_IS_SAVED ? RL_MARK_SAVED : rl_mark_to_keep(image->mark, run);
    return true;
}

/* The mark last: what has anything of ours need not be asked whether it has. */
static bool
read_all(RlDirtyImage *image, GError **error)
{
    if (!rl_image_owner_get(image->fd, &image->run, error) ||
        !rl_overlays_get(image->fd, &image->below, error) ||
        !rl_image_base_get(image->fd, &image->base, error))
        return false;
    bool lost, ours = image->run || image->below || image->base.id;
    if (!rl_mark_get_of(image->fd, ours, &image->mark, error) ||
        !rl_lost_is_noted(image->fd, &lost, error))
        return false;
    /* What is dropped in any case can be what it wants. */
    if (image->run && image->run->put_back && image->volume->kind != RL_KIND_PERSISTENT &&
        image->volume->kind != RL_KIND_DIRECT)
        image->run->copied = false;
    if (!look_for_end(image, error))
        return false;
    /* What was saved was at rest when it was copied, unless its domain was restored meanwhile. */
    bool torn = image->run && image->run->copied &&
                (image->mark != RL_MARK_SAVED || !rl_save_is_of_run(image->fd, image->run));
    if (lost || torn) {
        image->mark = RL_MARK_SUSPECT;
        image->unmarked = false;
    }
    return true;
}

bool
rl_dirty_image_open(const RlVolume *volume, RlDirtyImage *ret_image, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *ret_image = (RlDirtyImage){.volume = volume, .fd = -1};
    if (!volume->dirty.there)
        return true;
    ret_image->fd = rl_volume_open_image(volume, volume->dirty_file, &cause);
    if (rl_error_is_errno(cause, ENOENT))
        return true;
    if (!cause && read_all(ret_image, &cause))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_dirty_image_lock(RlVolume *volume, const char *what, RlDirtyImage *ret_image, GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, what, error);

    if (!lock)
        return false;
    bool opened = rl_dirty_image_open(volume, ret_image, error);
    ret_image->lock = g_steal_pointer(&lock);
    return opened;
}

void
rl_dirty_image_close(RlDirtyImage *image)
{
    rl_fd_close(&image->fd);
    g_clear_pointer(&image->run, rl_image_owner_free);
    g_clear_pointer(&image->below, g_free);
    rl_image_base_free_members(&image->base);
    g_clear_pointer(&image->lock, rl_lock_release);
}

bool
rl_dirty_image_is_of(const RlDirtyImage *image, const RlDomainRef *owner)
{
    return image->run && rl_image_owner_is_of(image->run, owner);
}

/* The file that an image without the mark names is that of an earlier save. */
bool
rl_dirty_image_is_saved(const RlDirtyImage *image)
{
    return image->mark == RL_MARK_SAVED && (image->unmarked || !rl_mark_file_is_gone(image->fd));
}

/* As libvirt's files say, but for those that an administrator let go of. */
static char *
find_in_files(const RlDirtyImage *image, const RlDomainRef *owner)
{
    bool kept = !image->run && rl_mark_is_kept(image->mark);
    g_auto(GStrv) let_go = kept ? rl_let_go_names(image->volume, image->fd) : NULL;

    return rl_domains_find_overlay(image->volume, owner, (const char *const *) let_go);
}

/* Of what came without attributes nothing else tells whose it is. */
char *
rl_dirty_image_find_defined(const RlDirtyImage *image, const RlDomainRef *owner)
{
    bool ask = image->run || rl_mark_is_kept(image->mark) || image->mark == RL_MARK_FOREIGN;

    return ask ? find_in_files(image, owner) : NULL;
}

char *
rl_dirty_image_find_overlay(const RlDirtyImage *image)
{
    char *domain = rl_overlays_find_other(image->below, NULL);

    return domain ? domain : rl_dirty_image_find_defined(image, NULL);
}

bool
rl_dirty_image_let_go(const RlDirtyImage *image, GError **error)
{
    g_autofree char *domain = rl_dirty_image_find_overlay(image);

    return !domain || (rl_let_go_add(image->volume, image->fd, domain, error) &&
                       rl_overlays_remove_first(image->fd, image->below, error));
}

/* Of a run that a crash of the host ended no hook was called, and nothing could be noted; nor of an
 * overlay that libvirt made while the domain was off and its run not ended yet. */
static bool
was_cut_off(const RlDirtyImage *image, const RlDomainRef *owner)
{
    return rl_dirty_image_is_of(image, owner) && image->mark != RL_MARK_SAVED &&
           (owner->late || rl_image_owner_began_us(image->run) == 0);
}

char *
rl_dirty_image_find_own_overlay(const RlDirtyImage *image, const RlDomainRef *owner)
{
    if (rl_overlays_names(image->below, owner) || was_cut_off(image, owner))
        return find_in_files(image, NULL);
    g_autofree char *domain = image->run ? NULL : rl_dirty_image_find_defined(image, NULL);
    return g_strcmp0(domain, owner->name) == 0 ? g_steal_pointer(&domain) : NULL;
}
