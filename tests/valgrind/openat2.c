/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* openat2(2) for programs under a valgrind that does not know it (before 3.20), to be preloaded:
 * our directories are opened step by step instead. Good for what common/fs/dirfd.c and real-path.c
 * ask for, where no magic link is on the way, no more. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) long syscall(long number, ...);

static int
open_beneath(int root, const char *path, int flags)
{
    char *rest = strdup(path), *place = NULL;
    int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);

    if (*path == '/')
        errno = EXDEV;
    for (char *name = strtok_r(rest, "/", &place); name && dir >= 0 && *path != '/';
         name = strtok_r(NULL, "/", &place)) {
        int next = openat(dir, name, flags | O_NOFOLLOW);
        int cause = errno;
        close(dir);
        /* What the kernel says of a link that it is not to follow. */
        errno = cause == ENOTDIR ? ELOOP : cause;
        dir = next;
    }
    free(rest);
    return dir;
}

long
syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list args;

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2) {
        const struct open_how *how = (const struct open_how *) a[2];
        const char *path = (const char *) a[1];
        return how->resolve & RESOLVE_BENEATH ? open_beneath((int) a[0], path, (int) how->flags)
                                              : openat((int) a[0], path, (int) how->flags);
    }
    if (!real)
        *(void **) &real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
