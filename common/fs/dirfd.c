/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dirfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/base/autofd.h"
#include "common/base/error.h"

/* Leases of ours last for microseconds. */
#define LEASE_PATIENCE_MS 1000

/* glibc 2.36 has no wrapper for it. */
static int
open_beneath(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t) (flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    do
        fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int) fd;
}

static bool
fail_open(const char *path, GError **error)
{
    return rl_fail_errno(
        error, errno, "cannot open directory '%s'%s", path,
        errno == ELOOP
            ? ": a symbolic link has that name, for example the short path of a running volume"
            : "");
}

int
rl_dirfd_open(int root, const char *path, GError **error)
{
    int fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        fail_open(path, error);
    return fd;
}

/* Makes one component durably. A parent that exists is synced as well: it may be a crash's leftover
 * whose entry never reached the disk, and a volume is about to be built below it. */
static bool
make_component(int root, const char *path, GError **error)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *parent_path = slash ? g_strndup(path, (gsize) (slash - path)) : g_strdup(".");
    rl_autofd int parent = open_beneath(root, parent_path, O_RDONLY | O_DIRECTORY);

    if (parent < 0)
        return fail_open(parent_path, error);
    if (mkdirat(parent, slash ? slash + 1 : path, 0755) < 0 && errno != EEXIST)
        return rl_fail_errno(error, errno, "cannot make directory '%s'", path);
    return rl_dirfd_sync(parent, parent_path, error);
}

int
rl_dirfd_make(int root, const char *path, GError **error)
{
    int fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY);

    if (fd >= 0)
        return fd;
    if (errno != ENOENT) {
        fail_open(path, error);
        return -1;
    }
    for (const char *slash = path; slash;) {
        slash = strchr(slash + 1, '/');
        g_autofree char *prefix = slash ? g_strndup(path, (gsize) (slash - path)) : g_strdup(path);
        if (!make_component(root, prefix, error))
            return -1;
    }
    return rl_dirfd_open(root, path, error);
}

void
rl_dirfd_remove_empty(int root, const char *path)
{
    g_autofree char *rest = g_strdup(path);

    for (char *slash; (slash = strrchr(rest, '/')); *slash = '\0') {
        g_autofree char *parent_path = g_strndup(rest, (gsize) (slash - rest));
        rl_autofd int parent = open_beneath(root, parent_path, O_RDONLY | O_DIRECTORY);
        if (parent < 0 || unlinkat(parent, slash + 1, AT_REMOVEDIR) < 0)
            return;
    }
}

/* What lies under @name, without opening it as such: to open a device does something to it, and to
 * open a fifo lets go who waits at its other end. */
static int
find_regular(int dir, const char *name, GError **error)
{
    rl_autofd int found = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (found < 0 || fstat(found, &st) < 0) {
        rl_fail_errno(error, errno, "cannot open '%s'", name);
        return -1;
    }
    if (S_ISLNK(st.st_mode)) {
        rl_fail_errno(error, ELOOP, "cannot open '%s'", name);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        rl_fail(error, RL_ERROR_INVALID, "'%s' is not a regular file", name);
        return -1;
    }
    return rl_fd_steal(&found);
}

/* With O_NONBLOCK an open is refused while somebody has a lease, as rl_lease_has_writer() does for
 * a moment; without it, it would wait as long as whoever has it likes. */
static int
open_unheld(const char *path, int flags, int patience_ms)
{
    for (int waited_ms = 0;; waited_ms++) {
        int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0 || errno != EWOULDBLOCK || waited_ms >= patience_ms)
            return fd;
        g_usleep(1000);
    }
}

static int
open_file(int dir, const char *name, int flags, int patience_ms, GError **error)
{
    rl_autofd int found = find_regular(dir, name, error);
    char self[64];

    if (found < 0)
        return -1;
    /* The very file that was looked at, whatever has its name by now. */
    snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
    rl_autofd int fd = open_unheld(self, flags, patience_ms);
    if (fd < 0)
        rl_fail_errno(error, errno, "cannot open '%s'", name);
    return rl_fd_steal(&fd);
}

int
rl_dirfd_open_file(int dir, const char *name, int flags, GError **error)
{
    return open_file(dir, name, flags, LEASE_PATIENCE_MS, error);
}

int
rl_dirfd_open_file_at_once(int dir, const char *name, int flags, GError **error)
{
    return open_file(dir, name, flags, 0, error);
}

char *
rl_dirfd_read_file(int dir, const char *name, size_t limit, size_t *ret_length, GError **error)
{
    rl_autofd int fd = rl_dirfd_open_file(dir, name, O_RDONLY, error);

    return fd < 0 ? NULL : rl_dirfd_read_opened(fd, name, limit, ret_length, error);
}

char *
rl_dirfd_read_opened(int fd, const char *name, size_t limit, size_t *ret_length, GError **error)
{
    struct stat st;
    /* One byte more than allowed tells a file that is too large, whatever its size says. */
    size_t said = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t) st.st_size : 0;
    size_t room = MIN(said, limit) + 1, length = 0;
    g_autofree char *text = g_malloc(room + 1);

    while (length <= limit) {
        if (length == room) {
            room = MIN(2 * room, limit + 1);
            text = g_realloc(text, room + 1);
        }
        ssize_t n = read(fd, text + length, room - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rl_fail_errno(error, errno, "cannot read '%s'", name);
            return NULL;
        }
        if (n == 0)
            break;
        length += (size_t) n;
    }
    if (length > limit) {
        rl_fail(error, RL_ERROR_INVALID, "cannot read '%s': it is larger than %zu bytes", name,
                limit);
        return NULL;
    }
    text[length] = '\0';
    *ret_length = length;
    return g_steal_pointer(&text);
}

bool
rl_dirfd_stat(int dir, const char *name, bool *ret_there, struct stat *ret_st, GError **error)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return rl_fail_errno(error, errno, "cannot examine '%s'", name);
        *ret_there = false;
        return true;
    }
    if (!S_ISREG(st.st_mode))
        return rl_fail(error, RL_ERROR_INVALID, "'%s' is not a regular file", name);
    *ret_there = true;
    *ret_st = st;
    return true;
}

bool
rl_dirfd_sync(int dir, const char *path, GError **error)
{
    if (fsync(dir) < 0)
        return rl_fail_errno(error, errno, "cannot sync directory '%s'", path);
    return true;
}
