/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unshare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/format/file-name.h"
#include "common/format/image-domain.h"
#include "common/fs/access-note.h"
#include "common/fs/access.h"
#include "common/fs/file-error.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/reflink.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "reshape-clean.h"

/* A look at the state of a volume takes less. */
#define PROBE_MS 50
#define STEP_MS 10

bool
rl_unshare_clean(RlVolume *volume, GError **error)
{
    bool done;

    if (!rl_reshape_clean(volume, &(RlReshape){.purpose = "unshare"}, &done, error))
        return false;
    if (done)
        rl_volume_log(volume, "replaced %s by a reflink of its own", volume->clean_file);
    return true;
}

bool
rl_unshare_is_due(int fd, const RlImageOwner *run, const RlDomainRef *owner)
{
    if (run && rl_image_owner_is_of(run, owner))
        return false;
    for (int waited_ms = 0; rl_lease_has_opener(fd); waited_ms += STEP_MS) {
        if (waited_ms >= PROBE_MS)
            return true;
        g_usleep(STEP_MS * 1000);
    }
    return false;
}

/* Where a copy would do the pool was not asked when it was built. */
static bool
has_reflinks(const RlVolume *volume)
{
    RlAccess access = RL_ACCESS_DEFAULT;

    if (!volume->pool->options->fallback_copy)
        return true;
    rl_autofd int from = rl_tmpfile_open_for(volume->dir, volume->dirty_file, &access, NULL);
    rl_autofd int to = rl_tmpfile_open_for(volume->dir, volume->dirty_file, &access, NULL);
    bool has = from >= 0 && to >= 0 && rl_reflink(from, to, NULL);
    rl_tmpfile_discard(from, volume->dir);
    rl_tmpfile_discard(to, volume->dir);
    return has;
}

bool
rl_unshare_is_others(const RlVolume *volume, int fd, const RlDomainRef *owner, bool unknown)
{
    return rl_image_domain_is_other(fd, owner, unknown) && has_reflinks(volume);
}

bool
rl_unshare_is_others_dirty(const RlVolume *volume, int fd, const RlImageOwner *run,
                           const RlDomainRef *owner)
{
    bool unknown = !run || (!rl_image_owner_is_of(run, owner) && rl_image_owner_began_us(run) != 0);

    return rl_unshare_is_others(volume, fd, owner, unknown);
}

bool
rl_unshare_is_read(const RlVolume *volume, int fd)
{
    return rl_unshare_is_due(fd, NULL, NULL) && has_reflinks(volume);
}

/* A clone of the image @from, without a name; -1 with @error. */
static int
clone_image(const RlVolume *volume, int from, GError **error)
{
    const RlCopyWatch watch = {.progress = volume->pool->progress};
    RlAccess access = RL_ACCESS_DEFAULT;
    rl_autofd int fd = rl_tmpfile_open_for(volume->dir, volume->dirty_file, &access, error);

    if (fd < 0)
        return -1;
    if (rl_reflink_or_copy(from, fd, volume->pool->options->fallback_copy, &watch, error) &&
        (fsync(fd) == 0 || rl_fail_file(error, errno, fd, "cannot sync")))
        return rl_fd_steal(&fd);
    rl_tmpfile_discard(fd, volume->dir);
    return -1;
}

/* Is the dirty image of @volume, looked at with the lock, @fd with the status @before, which was
 * cloned without? */
static bool
is_unchanged(const RlVolume *volume, int fd, const struct stat *before)
{
    const struct stat *now = &volume->dirty.st;

    return volume->dirty.there && rl_stat_same(now, before) && now->st_size == before->st_size &&
           rl_stat_same_date(now, before) && now->st_ctim.tv_sec == before->st_ctim.tv_sec &&
           now->st_ctim.tv_nsec == before->st_ctim.tv_nsec && !rl_lease_has_writer(fd);
}

/* The date comes last: everything else that is done to the file would change it. */
static bool
dress(int from, int to, const struct stat *st, GError **error)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};

    if (!rl_access_copy(from, to, error) || !rl_xattr_copy(from, to, error) ||
        !rl_image_owner_take_along(from, to, error) || !rl_access_copy_note(from, to, error) ||
        !rl_image_domain_set_none(to, error))
        return false;
    return (futimens(to, times) == 0 && fsync(to) == 0) ||
           rl_fail_file(error, errno, to, "cannot set the modification time of");
}

/* The end of the run that has ended is still to come, by the new inode. */
static void
pass_on_end(const RlVolume *volume, int from, int to)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (!rl_image_owner_get(from, &run, NULL) || !run || !run->ended)
        return;
    rl_ended_note(volume->pool->dev, volume->pool->ino, volume->name->volume, to, run->since_us);
    rl_ended_forget(from);
}

/* Its last name is gone. A process that watches for failed writes may have it open, for neither
 * reading nor writing. On XFS a page that is filled later would be written to blocks that both
 * share. */
static void
empty_old(int from)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", from);
    struct stat st;

    if (fstat(from, &st) < 0 || st.st_nlink > 0 || rl_lease_has_opener(from))
        return;
    /* At once: a lease that another process takes meanwhile would hold the volume's lock up. */
    rl_autofd int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, 0) == 0)
        return;
    g_autofree char *label = rl_file_label(from);
    rl_log_warning("cannot empty %s, which was replaced: %s", label, g_strerror(errno));
}

static bool
replace(RlVolume *volume, int from, const struct stat *st, int *fd, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(volume->name->leaf);
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "unshare", error);

    if (!lock)
        return false;
    if (!is_unchanged(volume, from, st)) {
        rl_tmpfile_discard(*fd, volume->dir);
        return true;
    }
    if (!dress(from, *fd, st, error) || !rl_tmpfile_seal(fd, error) ||
        !rl_tmpfile_replace(*fd, volume->dir, temp, volume->dirty_file, error)) {
        rl_tmpfile_discard(*fd, volume->dir);
        return false;
    }
    rl_volume_log(volume,
                  "replaced %s by a reflink of it, since another domain or process may still use "
                  "the former file",
                  volume->dirty_file);
    pass_on_end(volume, from, *fd);
    empty_old(from);
    return true;
}

bool
rl_unshare_dirty(RlVolume *volume, GError **error)
{
    g_autoptr(GError) cause = NULL;
    rl_autofd int from = rl_volume_open_image(volume, volume->dirty_file, &cause);
    rl_autofd int fd = -1;
    struct stat st = {0};

    if (rl_error_is_errno(cause, ENOENT))
        return true;
    if (from >= 0 && fstat(from, &st) < 0)
        rl_fail_file(&cause, errno, from, "cannot examine");
    if (!cause)
        fd = clone_image(volume, from, &cause);
    if (fd >= 0 && replace(volume, from, &st, &fd, &cause))
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "volume '%s': ", volume->name->volume);
    return false;
}
