/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "whole-mount.h"

/* As common/pool/pool.h and common/fs/xattr.h have them; the unit test compares. */
#define MARKER ".reflink-pool.xml"
#define ATTRIBUTES "trusted.libvirt-reflink."
#define POOL_MARK ATTRIBUTES "pool"
#define DIRTY "-dirty."

/* As many as the kernel follows (path_resolution(7)). */
#define LINKS_MAX 40

static int
open_path(const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t) (flags | O_PATH | O_CLOEXEC),
                           .resolve = RESOLVE_NO_MAGICLINKS};

    return (int) syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static bool
is_nowhere(int code)
{
    return code == ENOENT || code == ENOTDIR;
}

/* Has the directory @dir a marker, or the mark of a pool that has lost its marker? */
static bool
may_be_pool(const char *dir)
{
    char marker[PATH_MAX + sizeof("/" MARKER)];
    struct stat st;

    snprintf(marker, sizeof(marker), "%s/" MARKER, dir);
    if (lstat(marker, &st) == 0 || errno != ENOENT)
        return true;
    return getxattr(dir, POOL_MARK, NULL, 0) >= 0 || (errno != ENODATA && errno != ENOTSUP);
}

static bool
identify(const char *dir, struct statx *ret_st)
{
    return statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT, STATX_INO | RL_STATX_MOUNT, ret_st) == 0 &&
           (ret_st->stx_mask & RL_STATX_MOUNT);
}

static bool
is_known(const RlImageLook *look, const struct statx *st)
{
    for (unsigned i = 0; i < look->n_outside; i++)
        if (look->outside[i].ino == st->stx_ino && look->outside[i].mount == st->stx_mnt_id &&
            look->outside[i].major == st->stx_dev_major &&
            look->outside[i].minor == st->stx_dev_minor)
            return true;
    return false;
}

/* Looks at the directory @dir, and at all above it: the kernel finds them, by "..", wherever links
 * lead. The topmost one is above itself. A look at a domain ends with the first doubt, so what this
 * one has come by before is known. */
static RlImageDoubt
look_upwards(RlImageLook *look, char dir[PATH_MAX])
{
    struct statx st;

    for (;; strcat(dir, "/..")) {
        if (!identify(dir, &st))
            return RL_IMAGE_MAYBE;
        if (is_known(look, &st))
            return RL_IMAGE_NONE;
        if (may_be_pool(dir))
            return RL_IMAGE_MAYBE;
        if (look->n_outside == RL_DIRECTORIES_MAX || strlen(dir) + sizeof("/..") > PATH_MAX ||
            ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) && !rl_mount_shows_whole(&st)))
            return RL_IMAGE_DOUBT;
        look->outside[look->n_outside++] = (RlOutside){.ino = st.stx_ino,
                                                       .mount = st.stx_mnt_id,
                                                       .major = st.stx_dev_major,
                                                       .minor = st.stx_dev_minor};
    }
}

/* Can the directory be reached, and by no link of /proc to a file of another process? Its path says
 * nothing. */
static bool
can_reach(const char *dir)
{
    rl_autofd int fd = open_path(dir, O_DIRECTORY);

    return fd >= 0;
}

/* The directory that @path lies in, or would: the nearest one that is there. */
static RlImageDoubt
look_at_directory(RlImageLook *look, const char *path)
{
    char dir[PATH_MAX];

    strcpy(dir, path);
    for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
        slash[slash == dir ? 1 : 0] = '\0';
        if (can_reach(dir))
            return look_upwards(look, dir);
        if (!is_nowhere(errno) || slash == dir)
            return RL_IMAGE_MAYBE;
    }
    return RL_IMAGE_MAYBE;
}

static bool
names_ours(const char *names, ssize_t length)
{
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (strncmp(name, ATTRIBUTES, strlen(ATTRIBUTES)) == 0)
            return true;
    return false;
}

/* Has the file @path an attribute of ours, or can that not be told? Most have none, or few; the
 * kernel clears as much memory as it is offered. */
static bool
has_attribute(const char *path)
{
    ssize_t size = listxattr(path, NULL, 0);

    if (size <= 0)
        return size < 0 && errno != ENOTSUP;
    char *names = malloc((size_t) size);
    ssize_t length = names ? listxattr(path, names, (size_t) size) : -1;
    bool has = length < 0 || names_ours(names, length);
    free(names);
    return has;
}

/* Puts what the symbolic link @path says in its place. */
static bool
follow(char path[PATH_MAX])
{
    char target[PATH_MAX], *base = strrchr(path, '/') + 1;
    rl_autofd int end = open_path(path, 0);

    /* It may lead nowhere. */
    if (end < 0 && errno != ENOENT && errno != ENOTDIR)
        return false;
    ssize_t length = readlink(path, target, sizeof(target));
    if (length <= 0 || (size_t) length == sizeof(target))
        return false;
    target[length] = '\0';
    if (target[0] == '/')
        base = path;
    if ((size_t) (base - path) + (size_t) length >= PATH_MAX)
        return false;
    strcpy(base, target);
    return true;
}

/* What is no link is the file itself. */
static RlImageDoubt
look_at_end(RlImageLook *look, char path[PATH_MAX], const struct statx *st)
{
    if (has_attribute(path))
        return RL_IMAGE_MAYBE;
    if (S_ISDIR(st->stx_mode))
        return look_upwards(look, path);
    /* An image of a pool can have a name outside of it, whatever its mode is: on file systems
     * without modes all files are executable. */
    if (S_ISREG(st->stx_mode) && st->stx_nlink > 1)
        return RL_IMAGE_DOUBT;
    /* A single file can be mounted. */
    if ((st->stx_attributes & STATX_ATTR_MOUNT_ROOT) && !rl_mount_shows_whole(st))
        return RL_IMAGE_DOUBT;
    return RL_IMAGE_NONE;
}

RlImageDoubt
rl_image_look_at(RlImageLook *look, const char *path)
{
    char at[PATH_MAX];
    struct statx st;

    if (path[0] != '/' || strlen(path) >= sizeof(at))
        return RL_IMAGE_MAYBE;
    strcpy(at, path);
    for (int links = 0; links < LINKS_MAX; links++) {
        RlImageDoubt doubt = strstr(at, DIRTY) ? RL_IMAGE_MAYBE : look_at_directory(look, at);
        if (doubt != RL_IMAGE_NONE)
            return doubt;
        if (statx(AT_FDCWD, at, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                  STATX_TYPE | STATX_NLINK | RL_STATX_MOUNT, &st) < 0)
            return is_nowhere(errno) ? RL_IMAGE_NONE : RL_IMAGE_MAYBE;
        if (!S_ISLNK(st.stx_mode))
            return look_at_end(look, at, &st);
        if (!follow(at))
            return RL_IMAGE_MAYBE;
    }
    return RL_IMAGE_MAYBE;
}
