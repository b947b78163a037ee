/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reflink.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "file-error.h"
#include "file-size-limit.h"
#include "stable-copy.h"

/* What ioctl_ficlonerange(2) and the kernel's vfs_clone_file_range() answer where two files can
 * never share data. EINVAL is not among them: it also stands for a mistake of ours, which a copy
 * would hide. */
static bool
means_unsupported(int saved_errno)
{
    return saved_errno == EOPNOTSUPP || saved_errno == EXDEV || saved_errno == ENOTTY ||
           saved_errno == ENOSYS;
}

/* btrfs clones only between files that agree in NOCOW, and lets it be changed only while a file is
 * empty. Other file systems have no such flag: ENOTTY and EOPNOTSUPP are fine. */
static bool
take_over_nocow(int from, int to, GError **error)
{
    int from_flags = 0, to_flags = 0;

    if (ioctl(from, FS_IOC_GETFLAGS, &from_flags) < 0 || ioctl(to, FS_IOC_GETFLAGS, &to_flags) < 0)
        return true;
    if (!((from_flags ^ to_flags) & FS_NOCOW_FL))
        return true;
    to_flags ^= FS_NOCOW_FL;
    if (ioctl(to, FS_IOC_SETFLAGS, &to_flags) < 0 && !means_unsupported(errno))
        return rl_fail_file(error, errno, from, "cannot copy the NOCOW flag (chattr +C) of");
    return true;
}

/* Extents are shared one by one: where one has no space any more those before it are there, and the
 * file has their size. Nobody is to take that for the whole. */
static bool
fail_and_empty(int from, int to, int saved_errno, GError **error)
{
    g_autofree char *source = rl_file_label(from), *label = rl_file_label(to);
    if (ftruncate(to, 0) < 0)
        rl_log_warning("cannot empty the incomplete reflink %s: %s", label, g_strerror(errno));
    /* XFS says ENOSPC for the quota of a project (xfs_quota(8)), too. */
    if (saved_errno == ENOSPC)
        return rl_fail_errno(
            error, saved_errno,
            "cannot reflink %s: the file system or the quota of its project is full", source);
    if (saved_errno == EDQUOT)
        return rl_fail_errno(error, saved_errno, "cannot reflink %s: a quota is exceeded", source);
    return rl_fail_errno(error, saved_errno, "cannot reflink %s", source);
}

static int
share_all(int from, int to)
{
    int rc;

    do
        rc = ioctl(to, FICLONE, from);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* btrfs also answers EINVAL where one of the two files has checksums of its data and the other has
 * none: a file has what the mount options nodatasum and nodatacow said when it was made, and shows
 * it to nobody. On an empty file FS_IOC_SETFLAGS brings checksums back, whatever the flags; with
 * NOCOW it takes them away, which is the only way there is. */
static int
share_unlike(int from, int to)
{
    struct statfs fs;
    int flags;

    if (fstatfs(to, &fs) < 0 || fs.f_type != BTRFS_SUPER_MAGIC || ftruncate(to, 0) < 0 ||
        ioctl(to, FS_IOC_GETFLAGS, &flags) < 0 || ioctl(to, FS_IOC_SETFLAGS, &flags) < 0) {
        errno = EINVAL;
        return -1;
    }
    if (share_all(from, to) == 0)
        return 0;
    flags |= FS_NOCOW_FL;
    if (errno == EINVAL && ioctl(to, FS_IOC_SETFLAGS, &flags) == 0)
        return share_all(from, to);
    return -1;
}

static bool
refuse(int from, const char *why, GError **error)
{
    g_autofree char *label = rl_file_label(from);

    return rl_fail(error, RL_ERROR_UNSUPPORTED, "the file system cannot reflink %s (%s)", label,
                   why);
}

bool
rl_reflink(int from, int to, GError **error)
{
    struct stat st;

    /* The kernel says EINVAL to a block device. */
    if (fstat(from, &st) < 0)
        return rl_fail_file(error, errno, from, "cannot examine");
    if (!S_ISREG(st.st_mode))
        return refuse(from, "it is not a regular file", error);
    if (!take_over_nocow(from, to, error) ||
        !rl_limit_allows_size(to, (uint64_t) st.st_size, error))
        return false;
    if (share_all(from, to) == 0 || (errno == EINVAL && share_unlike(from, to) == 0))
        return true;
    if (means_unsupported(errno))
        return refuse(from, g_strerror(errno), error);
    return fail_and_empty(from, to, errno, error);
}

bool
rl_reflink_or_copy(int from, int to, bool may_copy, const RlCopyWatch *watch, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (rl_reflink(from, to, &cause))
        return true;
    if (may_copy && g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED))
        return rl_stable_copy(from, to, watch, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
