/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "scope.h"

/* As common/fs/xattr.h has it. */
#define MARK "trusted.libvirt-reflink.pool"

/* In a directory like /tmp anybody can put such a file (common/pool/pool.c). */
static bool
is_anybodys(int dir, const struct stat *marker)
{
    struct stat st;

    return fstat(dir, &st) == 0 && (st.st_mode & S_ISVTX) && marker->st_uid != 0 &&
           marker->st_uid != st.st_uid;
}

/* What made its directory a pool stays on it when the marker is gone. */
static bool
has_mark(int dir)
{
    char self[64];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", dir);
    return getxattr(self, MARK, NULL, 0) >= 0 ||
           (errno != ENODATA && errno != EOPNOTSUPP && errno != EACCES && errno != EPERM &&
            errno != ENOENT);
}

static bool
is_pool(int dir)
{
    struct stat st;

    if (fstatat(dir, RL_PLACE_MARKER, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return !is_anybodys(dir, &st) || has_mark(dir);
    return errno == ENOENT ? has_mark(dir) : errno != EACCES;
}

/* Nothing is at a path that fails with this, or nothing that root may look into. */
static bool
is_nowhere(int code)
{
    return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG ||
           code == EACCES;
}

static bool
is_same(int dir, int other)
{
    struct stat a, b;

    return fstat(dir, &a) < 0 || fstat(other, &b) < 0 ||
           (a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

RlPlace
rl_place(const char *path)
{
    auto_fd int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return is_nowhere(errno) ? RL_PLACE_ELSEWHERE : RL_PLACE_POOL;
    if (is_pool(dir))
        return RL_PLACE_POOL;
    for (;;) {
        auto_fd int above = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (above < 0)
            return is_nowhere(errno) ? RL_PLACE_ELSEWHERE : RL_PLACE_WITHIN;
        if (is_same(above, dir))
            return RL_PLACE_ELSEWHERE;
        if (is_pool(above))
            return RL_PLACE_WITHIN;
        close(dir);
        dir = above;
        above = -1;
    }
}

RlPlace
rl_place_of_file(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash || (size_t) (slash - path) + 2 > sizeof(dir))
        return RL_PLACE_ELSEWHERE;
    snprintf(dir, sizeof(dir), "%.*s/", (int) (slash - path), path);
    return rl_place(dir);
}
