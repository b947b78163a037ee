/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "real-path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"

int
rl_real_path_open(const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t) (flags | O_PATH | O_CLOEXEC),
                           .resolve = RESOLVE_NO_MAGICLINKS};
    int fd;

    do
        fd = (int) syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd >= 0 || errno != ELOOP)
        return fd;
    /* Links that lead in a circle say the same: those nobody can follow. */
    rl_autofd int followed = open(path, flags | O_PATH | O_CLOEXEC);
    if (followed >= 0 || errno != ELOOP)
        errno = EXDEV;
    return -1;
}

static bool
is_same(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor && a->stx_mnt_id == b->stx_mnt_id;
}

char *
rl_real_path_of(int fd, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(self, error);
    const unsigned mask = STATX_INO | STATX_NLINK | STATX_MNT_ID;
    struct statx st, again;

    if (!path)
        return NULL;
    if (statx(fd, "", AT_EMPTY_PATH, mask, &st) < 0) {
        rl_fail_errno(error, errno, "cannot examine directory '%s'", path);
        return NULL;
    }
    rl_autofd int second = rl_real_path_open(path, O_DIRECTORY);
    if ((second >= 0 && statx(second, "", AT_EMPTY_PATH, mask, &again) == 0 &&
         is_same(&st, &again)) ||
        st.stx_nlink == 0)
        return g_steal_pointer(&path);
    rl_fail(
        error, RL_ERROR_STATE,
        "the path of a directory cannot be determined: the kernel names '%s', but that is another "
        "directory now. The directory was moved, something is mounted over it, or it belongs to "
        "another mount namespace",
        path);
    return NULL;
}
