/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opened-image.h"

#include <errno.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-overlays.h"
#include "common/format/lost-note.h"
#include "common/fs/xattr.h"
#include "domains.h"

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
    if (lost)
        image->mark = RL_MARK_SUSPECT;
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

char *
rl_dirty_image_find_defined(const RlDirtyImage *image, const RlDomainRef *owner)
{
    bool kept = !image->run && rl_mark_is_kept(image->mark);
    g_autofree char *let_go = NULL;
    g_autofree char *domain =
        image->run || kept ? rl_domains_find_overlay(image->volume, owner) : NULL;

    if (domain && kept && rl_xattr_get(image->fd, RL_ATTR_LET_GO, &let_go, NULL) &&
        g_strcmp0(let_go, domain) == 0)
        return NULL;
    return g_steal_pointer(&domain);
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
    g_autofree char *domain = rl_domains_find_overlay(image->volume, NULL);

    return (domain ? rl_xattr_set(image->fd, RL_ATTR_LET_GO, domain, error)
                   : rl_xattr_remove(image->fd, RL_ATTR_LET_GO, error)) &&
           rl_overlays_clear(image->fd, error);
}

/* Of a run that a crash of the host ended no hook was called, and nothing could be noted. */
static bool
was_cut_off(const RlDirtyImage *image, const RlDomainRef *owner)
{
    return rl_dirty_image_is_of(image, owner) && image->mark != RL_MARK_SAVED &&
           rl_image_owner_began_us(image->run) == 0;
}

char *
rl_dirty_image_find_own_overlay(const RlDirtyImage *image, const RlDomainRef *owner)
{
    if (rl_overlays_names(image->below, owner) || was_cut_off(image, owner))
        return rl_domains_find_overlay(image->volume, NULL);
    g_autofree char *domain = image->run ? NULL : rl_dirty_image_find_defined(image, NULL);
    return g_strcmp0(domain, owner->name) == 0 ? g_steal_pointer(&domain) : NULL;
}
