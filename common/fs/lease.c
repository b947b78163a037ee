/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lease.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "dirfd.h"

static bool
take(int fd, int type)
{
    /* While the lease lasts, an open(2) that breaks it signals us: by default with SIGIO, which
     * kills. SIGURG is ignored unless a process asks for it. */
    return fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, type) == 0;
}

static bool
lease_is_refused(int fd, int type)
{
    if (!take(fd, type))
        return true;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

bool
rl_lease_take(int fd)
{
    return take(fd, F_WRLCK);
}

/* What is waited for is said in place of what there is. */
bool
rl_lease_is_held(int fd)
{
    return fcntl(fd, F_GETLEASE) == F_WRLCK;
}

bool
rl_lease_take_for_reading(int fd)
{
    return take(fd, F_RDLCK);
}

bool
rl_lease_is_held_for_reading(int fd)
{
    return fcntl(fd, F_GETLEASE) == F_RDLCK;
}

bool
rl_lease_has_writer(int fd)
{
    return lease_is_refused(fd, F_RDLCK);
}

bool
rl_lease_has_opener(int fd)
{
    return lease_is_refused(fd, F_WRLCK);
}

static bool
is_open_at(int dir, const char *name, bool (*is_open)(int fd))
{
    g_autoptr(GError) error = NULL;
    rl_autofd int fd = rl_dirfd_open_file(dir, name, O_RDONLY, &error);

    if (fd < 0)
        return !rl_error_is_errno(error, ENOENT);
    return is_open(fd);
}

bool
rl_lease_has_writer_at(int dir, const char *name)
{
    return is_open_at(dir, name, rl_lease_has_writer);
}

bool
rl_lease_has_opener_at(int dir, const char *name)
{
    return is_open_at(dir, name, rl_lease_has_opener);
}
