/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into libvirtd, beside the thread sanitizer.
 *
 * Writes down each lock of a volume that a thread takes, with what it holds then, and what must not
 * be done with one: reflinks, and waiting for libvirt. One line each to the file that RL_LOCK_LOG
 * names:
 *
 *     taken LOCK [HELD...]       LOCK is a path below /run/libvirt-reflink
 *     done WHAT HELD...          a reflink, or a lock of libvirt's, with a lock held
 *     reflink                    one without
 *     tsan_is_there              once, if that is so
 *
 * GLib's locks are futexes of its own, which the sanitizer does not know: it is told of them. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define LOCK_DIR "/run/libvirt-reflink/"
#define HELD_MAX 8

/* Of the sanitizer, if it is there. */
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

static __thread struct {
    int fd;
    char name[128];
} held[HELD_MAX];
static __thread int n_held;

#define REAL(name)                 \
    static __typeof__(name) *real; \
    if (!real)                     \
    real = (__typeof__(name) *) dlsym(RTLD_NEXT, #name)

static void
write_line(const char *what, const char *detail)
{
    const char *path = getenv("RL_LOCK_LOG");
    char line[1400];
    int length = snprintf(line, sizeof(line), "%s %s", what, detail);

    for (int i = 0; i < n_held; i++)
        length += snprintf(line + length, sizeof(line) - (size_t) length, " %s", held[i].name);
    line[length++] = '\n';
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0 && write(fd, line, (size_t) length) != length)
        abort();
    if (fd >= 0)
        close(fd);
}

PUBLIC int
flock(int fd, int operation)
{
    REAL(flock);
    int rc = real(fd, operation), saved_errno = errno;
    char self[64], path[256];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    ssize_t length = rc == 0 ? readlink(self, path, sizeof(path) - 1) : -1;
    path[length > 0 ? length : 0] = '\0';
    /* A file that its last holder has removed is nobody's lock any more: it is closed at once. */
    if (g_str_has_suffix(path, " (deleted)"))
        path[0] = '\0';
    if (strncmp(path, LOCK_DIR, strlen(LOCK_DIR)) == 0 && n_held < HELD_MAX) {
        write_line("taken", path);
        held[n_held].fd = fd;
        g_strlcpy(held[n_held++].name, path, sizeof(held[0].name));
    }
    errno = saved_errno;
    return rc;
}

PUBLIC int
close(int fd)
{
    REAL(close);

    for (int i = 0; i < n_held; i++)
        if (held[i].fd == fd) {
            memmove(&held[i], &held[i + 1], sizeof(held[0]) * (size_t) (--n_held - i));
            break;
        }
    return real(fd);
}

PUBLIC int
ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, void *);
    va_list args;

    if (!real)
        real = (int (*)(int, unsigned long, void *)) dlsym(RTLD_NEXT, "ioctl");
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (request == FICLONE)
        write_line(n_held ? "done reflink" : "reflink", "");
    return real(fd, request, argument);
}

/* A pool's lock, or another one of libvirt's objects. */
void virObjectLock(void *object);

PUBLIC void
virObjectLock(void *object)
{
    REAL(virObjectLock);

    if (n_held)
        write_line("done virObjectLock", "");
    real(object);
}

PUBLIC void
g_mutex_lock(GMutex *mutex)
{
    REAL(g_mutex_lock);

    real(mutex);
    if (__tsan_acquire)
        __tsan_acquire(mutex);
}

PUBLIC void
g_mutex_unlock(GMutex *mutex)
{
    REAL(g_mutex_unlock);

    if (__tsan_release)
        __tsan_release(mutex);
    real(mutex);
}

PUBLIC void
g_cond_wait(GCond *cond, GMutex *mutex)
{
    REAL(g_cond_wait);

    if (__tsan_release)
        __tsan_release(mutex);
    real(cond, mutex);
    if (__tsan_acquire)
        __tsan_acquire(mutex);
}

#undef g_once_init_leave
PUBLIC void
g_once_init_leave(volatile void *location, gsize result)
{
    static void (*real)(volatile void *, gsize);

    if (!real)
        real = (void (*)(volatile void *, gsize)) dlsym(RTLD_NEXT, "g_once_init_leave");
    if (__tsan_release)
        __tsan_release((void *) location);
    real(location, result);
}

static void __attribute__((constructor)) say_who_is_there(void)
{
    if (__tsan_acquire)
        write_line("tsan_is_there", "");
}
