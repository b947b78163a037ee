/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tmpfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "dirfd.h"
#include "file-error.h"
#include "lease.h"
#include "project-id.h"

int
rl_tmpfile_open(int dir, const RlAccess *access, GError **error)
{
    /* 0600 first: nobody else may open it before it has its owner. */
    rl_autofd int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0) {
        rl_fail_file(error, errno, dir, "cannot make a new file in");
        return -1;
    }
    if (!rl_access_set(fd, access, error))
        return -1;
    return rl_fd_steal(&fd);
}

int
rl_tmpfile_open_named(int dir, const char *final, const RlAccess *access, GError **error)
{
    g_autofree char *random = rl_random_temp();
    g_autofree char *temp = g_strdup_printf("%s~%s", final, random);
    rl_autofd int fd = openat(dir, temp, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0) {
        rl_fail_file(error, errno, dir, "cannot make a new file in");
        return -1;
    }
    if (!rl_access_set(fd, access, error)) {
        unlinkat(dir, temp, 0);
        return -1;
    }
    return rl_fd_steal(&fd);
}

/* proc(5), attr/apparmor/current: "unconfined", or a profile's name and mode. Where there is no
 * AppArmor there is no such file. */
static bool
is_confined(void)
{
    g_autofree char *profile = NULL;

    return g_file_get_contents("/proc/self/attr/apparmor/current", &profile, NULL, NULL) &&
           *profile && !g_str_has_prefix(profile, "unconfined");
}

int
rl_tmpfile_open_for(int dir, const char *final, const RlAccess *access, GError **error)
{
    return is_confined() ? rl_tmpfile_open_named(dir, final, access, error)
                         : rl_tmpfile_open(dir, access, error);
}

/* The temporary name that @fd has in @dir, owned by the caller; NULL where it has none. */
static char *
temporary_name(int fd, int dir)
{
    struct stat st, named;

    if (fstat(fd, &st) < 0 || st.st_nlink == 0)
        return NULL;
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(self, NULL);
    g_autofree char *name = path ? g_path_get_basename(path) : NULL;
    if (!name || !strchr(name, '~') || fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
        named.st_ino != st.st_ino || named.st_dev != st.st_dev)
        return NULL;
    return g_steal_pointer(&name);
}

void
rl_tmpfile_discard(int fd, int dir)
{
    g_autofree char *temp = fd < 0 ? NULL : temporary_name(fd, dir);

    if (temp)
        unlinkat(dir, temp, 0);
}

bool
rl_tmpfile_remove_litter(int dir, const char *name)
{
    rl_autofd int fd = rl_dirfd_open_file(dir, name, O_RDONLY, NULL);

    /* In this order: who seals it has it open for writing until he has the lock. */
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && !rl_lease_has_writer(fd) &&
           unlinkat(dir, name, 0) == 0;
}

bool
rl_tmpfile_seal(int *fd, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", *fd);
    int sealed = open(self, O_RDONLY | O_CLOEXEC);

    if (sealed < 0)
        return rl_fail_file(error, errno, *fd, "cannot open for reading only");
    /* Where that cannot be had nothing is at risk but the work. */
    while (flock(sealed, LOCK_SH) < 0 && errno == EINTR)
        continue;
    rl_fd_close(fd);
    *fd = sealed;
    return true;
}

static int
give_name_once(int fd, int dir, const char *name)
{
    g_autofree char *temp = temporary_name(fd, dir);
    char self[64];

    if (temp)
        return renameat2(dir, temp, dir, name, RENAME_NOREPLACE);
    /* AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH; open(2) names this way for O_TMPFILE. */
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW);
}

/* A directory may have got another project id since the file was made in it. */
static int
give_name(int fd, int dir, const char *name)
{
    int rc = give_name_once(fd, dir, name);

    return rc < 0 && errno == EXDEV && rl_project_adopt(fd, dir) ? give_name_once(fd, dir, name)
                                                                 : rc;
}

bool
rl_tmpfile_link(int fd, int dir, const char *name, GError **error)
{
    if (give_name(fd, dir, name) < 0)
        return rl_fail_errno(error, errno, "cannot make '%s'%s", name, rl_project_hint(errno));
    return true;
}

bool
rl_tmpfile_replace(int fd, int dir, const char *temp, const char *name, GError **error)
{
    if (!rl_tmpfile_link(fd, dir, temp, error))
        return false;
    if (renameat(dir, temp, dir, name) < 0) {
        rl_fail_errno(error, errno, "cannot replace '%s'", name);
        unlinkat(dir, temp, 0);
        return false;
    }
    return rl_dirfd_sync(dir, name, error);
}

/* The kernel tells the name of a descriptor that was opened by it, and no other. */
bool
rl_tmpfile_name(int *fd, int dir, const char *final, GError **error)
{
    g_autofree char *has = temporary_name(*fd, dir), *random = rl_random_temp();
    g_autofree char *temp = g_strdup_printf("%s~%s", final, random);

    if (has)
        return true;
    if (!rl_tmpfile_link(*fd, dir, temp, error))
        return false;
    rl_autofd int named = rl_dirfd_open_file(dir, temp, O_RDWR, error);
    if (named < 0) {
        unlinkat(dir, temp, 0);
        return false;
    }
    rl_fd_close(fd);
    *fd = rl_fd_steal(&named);
    return true;
}

static bool
write_all(int fd, const char *text, GError **error)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_file(error, errno, fd, "cannot write");
        text += n;
        left -= (size_t) n;
    }
    return true;
}

bool
rl_tmpfile_write(int dir, const char *name, const char *text, mode_t mode, GError **error)
{
    RlAccess access = {mode, (uid_t) -1, (gid_t) -1};
    g_autofree char *random = rl_random_temp();
    g_autofree char *temp = g_strdup_printf("%s~%s", name, random);
    rl_autofd int fd = rl_tmpfile_open_for(dir, name, &access, error);

    if (fd < 0 || !write_all(fd, text, error))
        return false;
    if (fsync(fd) < 0)
        return rl_fail_errno(error, errno, "cannot sync '%s'", name);
    return rl_tmpfile_replace(fd, dir, temp, name, error);
}
