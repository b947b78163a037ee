/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlay-file.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-id.h"
#include "common/fs/xattr.h"
#include "revision-list.h"

/* Has the volume anything but a clean image that nobody of us has seen yet? */
static bool
look_for_traces(const RlVolume *volume, int fd, bool *ret_found, GError **error)
{
    g_autofree char *id = NULL;
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);

    if (!revisions || !rl_image_id_get(fd, &id, error))
        return false;
    *ret_found =
        id || revisions->len > 0 || volume->record || volume->dirty.there || volume->precache.there;
    return true;
}

/* Whoever finds the mark does not sync it once more: one that is not durable is taken back. */
static bool
mark_durably(const RlVolume *volume, int fd, const RlDomainRef *owner, GError **error)
{
    if (rl_xattr_set(fd, RL_ATTR_OVERLAY_OF, owner->uuid, error) &&
        rl_xattr_set(fd, RL_ATTR_OVERLAY, owner->name, error)) {
        if (fsync(fd) == 0)
            return true;
        rl_fail_errno(error, errno, "volume '%s': cannot note durably that '%s' is an overlay",
                      volume->name->volume, volume->clean_file);
    }
    rl_xattr_remove(fd, RL_ATTR_OVERLAY, NULL);
    rl_xattr_remove(fd, RL_ATTR_OVERLAY_OF, NULL);
    return false;
}

/* It is marked: as which domain's? An earlier version noted no UUID. One that was defined anew has
 * another, and another domain may have got the disk since. A mark that cannot be renewed is one of
 * an overlay nevertheless. */
static void
renew_mark(const RlVolume *volume, int fd, const RlDomainRef *owner)
{
    g_autofree char *uuid = NULL;
    g_autoptr(GError) error = NULL;

    if (rl_xattr_get(fd, RL_ATTR_OVERLAY_OF, &uuid, &error) &&
        (g_strcmp0(uuid, owner->uuid) == 0 ||
         (rl_xattr_set(fd, RL_ATTR_OVERLAY_OF, owner->uuid, &error) &&
          rl_xattr_set(fd, RL_ATTR_OVERLAY, owner->name, &error))))
        return;
    rl_log_warning("volume '%s': cannot record whose overlay '%s' is: %s", volume->name->volume,
                   volume->clean_file, error->message);
}

bool
rl_overlay_claim(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_is,
                 GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "mark as an overlay", error) : NULL;
    g_autofree char *mark = NULL;
    bool found;

    *ret_is = false;
    if (!lock)
        return false;
    if (!volume->clean.there)
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, error);
    if (fd < 0 || !rl_xattr_get(fd, RL_ATTR_OVERLAY, &mark, error))
        return false;
    if (!mark && !look_for_traces(volume, fd, &found, error))
        return false;
    if (!mark && found)
        return true;
    *ret_is = true;
    if (mark) {
        renew_mark(volume, fd, owner);
        return true;
    }
    volume->actor = owner->name;
    rl_volume_log(volume, "%s is the file of an external snapshot, not an image",
                  volume->clean_file);
    return mark_durably(volume, fd, owner, error);
}

bool
rl_overlay_is_of(const RlPool *pool, const char *name, const char *uuid)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    g_autofree char *mark = NULL, *of = NULL;

    if (!volume || !volume->clean.there)
        return false;
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, NULL);
    return fd >= 0 && rl_xattr_get(fd, RL_ATTR_OVERLAY, &mark, NULL) && mark &&
           rl_xattr_get(fd, RL_ATTR_OVERLAY_OF, &of, NULL) && g_strcmp0(of, uuid) == 0;
}

bool
rl_overlay_require_none(int fd, const char *volume, const char *file, GError **error)
{
    g_autofree char *domain = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_OVERLAY, &domain, error))
        return false;
    return !domain ||
           rl_fail(
               error, RL_ERROR_INVALID,
               "'%s' is not a volume: '%s' is the file of an external snapshot of domain '%s'. "
               "Merge the snapshot ('virsh blockcommit' while the domain runs) and remove the "
               "file. Or, if the file is the image of a volume, type 'setfattr -x " RL_ATTR_PREFIX
                   RL_ATTR_OVERLAY "'",
               volume, file, domain);
}
