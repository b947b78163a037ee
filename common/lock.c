/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "error.h"
#include "fd.h"

static int
open_lock_file(dev_t dev, ino_t ino, const char *volume, GError **error)
{
    g_autofree char *dir =
        g_strdup_printf("%s/%lx-%lx", RL_LOCK_DIR, (unsigned long) dev, (unsigned long) ino);
    /* A volume's name can be longer than a file's. */
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, volume, -1);
    g_autofree char *path = g_build_filename(dir, hash, NULL);

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ENOENT) {
        if (g_mkdir_with_parents(dir, 0700) < 0) {
            rl_fail_errno(error, errno, "cannot make the lock directory '%s'", dir);
            return -1;
        }
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (fd < 0)
        rl_fail_errno(error, errno, "cannot open the lock file '%s' of volume '%s'", path, volume);
    return fd;
}

/* Waits with growing pauses: flock(2) itself knows no time limit, and a signal would be the
 * process's. */
static bool
wait_for(int fd, int timeout_ms)
{
    int pause_ms = 1;

    for (int waited_ms = 0;; waited_ms += pause_ms, pause_ms = MIN(pause_ms * 2, 50)) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (waited_ms >= timeout_ms) {
            errno = EWOULDBLOCK;
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}

RlLock *
rl_lock_take(dev_t dev, ino_t ino, const char *volume, const char *purpose, int timeout_ms,
             GError **error)
{
    rl_autofd int fd = open_lock_file(dev, ino, volume, error);

    if (fd < 0)
        return NULL;
    if (!wait_for(fd, timeout_ms)) {
        char holder[128] = "";
        if (errno != EWOULDBLOCK) {
            rl_fail_errno(error, errno, "cannot lock volume '%s'", volume);
            return NULL;
        }
        g_autofree char *waited =
            timeout_ms < 1000 ? g_strdup("") : g_strdup_printf(" after %d s", timeout_ms / 1000);
        if (pread(fd, holder, sizeof(holder) - 1, 0) < 1 || !holder[0])
            g_strlcpy(holder, "another operation", sizeof(holder));
        rl_fail(error, RL_ERROR_BUSY, "volume '%s' is busy: '%s' is still under way%s", volume,
                holder, waited);
        return NULL;
    }

    /* For whoever waits, who reads up to the NUL. A failure to write it is no reason not to hold
     * the lock. */
    g_autofree char *line = g_strdup_printf("%s by process %d", purpose, (int) getpid());
    if (pwrite(fd, line, strlen(line) + 1, 0) < 0)
        errno = 0;

    RlLock *lock = g_new0(RlLock, 1);
    lock->fd = rl_fd_steal(&fd);
    return lock;
}

void
rl_lock_release(RlLock *lock)
{
    if (!lock)
        return;
    /* Who has it next may be asked about before he has said what for. */
    if (pwrite(lock->fd, "", 1, 0) < 0)
        errno = 0;
    close(lock->fd);
    g_free(lock);
}
