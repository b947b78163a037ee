/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "project-id.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "common/base/autofd.h"
#include "common/base/log.h"
#include "dirfd.h"

static bool
adopt(int fd, int dir)
{
    struct fsxattr wanted, attributes;

    if (ioctl(dir, FS_IOC_FSGETXATTR, &wanted) < 0 || !(wanted.fsx_xflags & FS_XFLAG_PROJINHERIT) ||
        ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0 || wanted.fsx_projid == attributes.fsx_projid)
        return false;
    attributes.fsx_projid = wanted.fsx_projid;
    return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) == 0;
}

bool
rl_project_adopt(int fd, int dir)
{
    errno = EXDEV;
    if (adopt(fd, dir))
        return true;
    /* Only a quota is more of a reason than what the link or rename has said. */
    if (errno != EDQUOT && errno != ENOSPC)
        errno = EXDEV;
    return false;
}

static bool
adopt_at(int dir, const char *file)
{
    rl_autofd int fd = rl_dirfd_open_file(dir, file, O_RDONLY, NULL);

    if (fd < 0) {
        errno = EXDEV;
        return false;
    }
    if (!rl_project_adopt(fd, dir))
        return false;
    rl_log_info("gave '%s' the project id of its directory", file);
    return true;
}

int
rl_project_link(int dir, const char *from, const char *to)
{
    int rc = linkat(dir, from, dir, to, 0);

    return rc < 0 && errno == EXDEV && adopt_at(dir, from) ? linkat(dir, from, dir, to, 0) : rc;
}

static int
rename_once(int dir, const char *from, const char *to, unsigned int flags)
{
    return flags ? renameat2(dir, from, dir, to, flags) : renameat(dir, from, dir, to);
}

int
rl_project_rename(int dir, const char *from, const char *to, unsigned int flags)
{
    int rc = rename_once(dir, from, to, flags);

    return rc < 0 && errno == EXDEV && adopt_at(dir, from) ? rename_once(dir, from, to, flags) : rc;
}

const char *
rl_project_hint(int saved_errno)
{
    switch (saved_errno) {
    case EXDEV:
        return " (its project id differs from that of its directory and could not be changed; use "
               "'xfs_quota -x -c \"project -s ...\"')";
    case EDQUOT:
        return " (a quota is exceeded, possibly that of the directory's project id)";
    default:
        return "";
    }
}
