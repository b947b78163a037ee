/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"

static char *
lock_path(dev_t dev, ino_t ino, const char *volume)
{
    g_autofree char *dir =
        g_strdup_printf("%s/%lx-%lx", RL_LOCK_DIR, (unsigned long) dev, (unsigned long) ino);
    /* A volume's name can be longer than a file's. */
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, volume, -1);

    return g_build_filename(dir, hash, NULL);
}

static int
open_lock_file(const char *path, const char *volume, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == ENOENT) {
        g_autofree char *dir = g_path_get_dirname(path);
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
 * process's. Takes what it waits off *@left_ms. */
static bool
wait_for(int fd, int *left_ms)
{
    for (int pause_ms = 1;; *left_ms -= pause_ms, pause_ms = MIN(pause_ms * 2, 50)) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (*left_ms <= 0) {
            errno = EWOULDBLOCK;
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}

/* Says why the lock of @volume, whose file is @fd, could not be had. */
static void
refuse(int fd, const char *volume, int timeout_ms, GError **error)
{
    char holder[128] = "";

    if (errno != EWOULDBLOCK) {
        rl_fail_errno(error, errno, "cannot lock volume '%s'", volume);
        return;
    }
    g_autofree char *waited =
        timeout_ms < 1000 ? g_strdup("") : g_strdup_printf(" after %d s", timeout_ms / 1000);
    if (pread(fd, holder, sizeof(holder) - 1, 0) < 1 || !holder[0])
        g_strlcpy(holder, "another operation", sizeof(holder));
    rl_fail(error, RL_ERROR_BUSY, "volume '%s' is busy: '%s' is still in progress%s. Try again",
            volume, holder, waited);
}

/* Only who holds a lock removes its file. So a locked file that has its name is the lock, and stays
 * that; one that lost its name before we had it is none any more. */
static bool
has_its_name(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* Returns the locked file; -1 with @error. */
static int
lock_file(const char *path, const char *volume, int timeout_ms, GError **error)
{
    int left_ms = timeout_ms;

    for (;;) {
        rl_autofd int fd = open_lock_file(path, volume, error);
        if (fd < 0)
            return -1;
        if (!wait_for(fd, &left_ms)) {
            refuse(fd, volume, timeout_ms, error);
            return -1;
        }
        if (has_its_name(fd))
            return rl_fd_steal(&fd);
    }
}

RlLock *
rl_lock_take(dev_t dev, ino_t ino, const char *volume, const char *purpose, int timeout_ms,
             GError **error)
{
    g_autofree char *path = lock_path(dev, ino, volume);
    rl_autofd int fd = lock_file(path, volume, timeout_ms, error);

    if (fd < 0)
        return NULL;
    /* For whoever waits, who reads up to the NUL. A failure to write it is no reason not to hold
     * the lock. */
    g_autofree char *line = g_strdup_printf("%s by process %d", purpose, (int) getpid());
    if (pwrite(fd, line, strlen(line) + 1, 0) < 0)
        errno = 0;

    RlLock *lock = g_new0(RlLock, 1);
    lock->fd = rl_fd_steal(&fd);
    lock->path = g_steal_pointer(&path);
    return lock;
}

/* Removes the file of @lock, which is still held, unless anybody else has it open: a lease for
 * writing is granted only then (fcntl(2), F_SETLEASE). Who opens it after that gets it locked or
 * without its name, sees that (has_its_name()) and opens the one that is there by then.
 *
 * Without the lease that would be right as well, but for processes of the versions that never
 * removed a lock's file (an upgrade does not end them) and do not look again: those that wait for
 * this lock have it open, and keep it in its place. */
static void
remove_file(const RlLock *lock)
{
    /* Who opens it meanwhile signals us: by default with SIGIO, which kills. */
    if (fcntl(lock->fd, F_SETSIG, SIGURG) < 0 || fcntl(lock->fd, F_SETLEASE, F_WRLCK) < 0)
        return;
    /* Under its name there may be another one, where somebody has removed ours. */
    if (has_its_name(lock->fd))
        unlink(lock->path);
}

void
rl_lock_release(RlLock *lock)
{
    if (!lock)
        return;
    /* Who has it next may be asked about before he has said what for. */
    if (pwrite(lock->fd, "", 1, 0) < 0)
        errno = 0;
    remove_file(lock);
    close(lock->fd);
    g_free(lock->path);
    g_free(lock);
}
