/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remake-precache.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-domain.h"
#include "common/fs/access.h"
#include "common/fs/file-error.h"
#include "common/fs/lease.h"
#include "common/fs/project-id.h"
#include "common/fs/share-changes.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/spare-image.h"
#include "precache.h"

typedef struct {
    RlVolume *volume;
    const RlBase *base;
    const RlSpareImage *spare;
} Remake;

/* Others who open it wait until it is closed. */
static bool
go_on(void *data)
{
    const RlSpareImage *spare = data;

    return rl_lease_is_held(spare->fd);
}

static bool
share(const Remake *remake, const RlShareChanges *changes, GError **error)
{
    const RlSpareImage *spare = remake->spare;
    RlSpareImage asked = *spare;

    return rl_spare_strip(spare, error) && rl_access_copy(remake->base->fd, spare->fd, error) &&
           rl_share_changes_apply(changes, remake->base->fd, spare->fd, go_on, &asked, error);
}

/* Where it is another image than it has to be, something is wrong that an administrator has to
 * know. */
static bool
is_right(const Remake *remake, RlShareChanges *changes, GError **error)
{
    RlShared found =
        rl_share_changes_are_right(changes, remake->base->fd, remake->spare->fd, error);

    if (found == RL_SHARED_WRONG)
        rl_log_error("volume '%s': the precache that was made of %s differs from %s, and is not "
                     "used; a reflink of the whole image takes its place. Look for faults of the"
                     " file system, and report this",
                     remake->volume->name->volume, remake->spare->file, remake->base->file);
    return found == RL_SHARED_RIGHT;
}

/* No page of it is left that another domain's device model could fill. The file was born long
 * before it got this content: a restore asks since when it has that. */
static bool
finish(const Remake *remake, GError **error)
{
    int fd = remake->spare->fd;

    return rl_image_domain_set_none(fd, error) &&
           rl_xattr_set_number(fd, RL_ATTR_CLEAN_SINCE, (uint64_t) g_get_real_time(), error) &&
           rl_dirty_finish(fd, remake->volume, remake->base, true, error) &&
           (fsync(fd) == 0 || rl_fail_file(error, errno, fd, "cannot sync"));
}

/* Gives it its name, if it is still wanted. */
static bool
publish(const Remake *remake, RlSpareImage *spare, GError **error)
{
    RlVolume *volume = remake->volume;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "make the precache", error);

    if (!lock)
        return false;
    if (!rl_precache_is_wanted(volume, remake->base) || !rl_spare_is_ours(volume, spare))
        return rl_fail(error, RL_ERROR_BUSY, "the volume was changed meanwhile");
    if (rl_project_rename(volume->dir, spare->file, volume->precache_file, RENAME_NOREPLACE) < 0)
        return rl_fail_errno(error, errno, "cannot make '%s'", volume->precache_file);
    rl_volume_log(volume, "made %s of %s", volume->precache_file, spare->file);
    rl_spare_close(spare); /* a start asks whether somebody has it open */
    return true;
}

static bool
remake(RlVolume *volume, const RlBase *base, RlSpareImage *spare, GError **error)
{
    const Remake remake = {volume, base, spare};
    g_auto(RlShareChanges) changes = {0};

    return rl_base_require_unwritten(base, error) &&
           rl_share_changes_find(base->fd, spare->fd, &changes, error) &&
           rl_volume_sync(volume, error) && share(&remake, &changes, error) &&
           is_right(&remake, &changes, error) && finish(&remake, error) &&
           publish(&remake, spare, error);
}

bool
rl_precache_remake(RlVolume *volume)
{
    g_auto(RlSpareImage) spare = {.fd = -1};
    g_autoptr(GError) error = NULL;

    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    if (!base || !rl_spare_take(volume, base->fd, &spare))
        return false;
    g_autofree char *file = g_strdup(spare.file);
    if (remake(volume, base, &spare, &error))
        return true;
    rl_volume_log(volume, "made no precache of %s: %s", file, error->message);
    return false;
}
