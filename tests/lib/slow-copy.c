/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into a daemon: while the file that $SLOW_COPY names is there, whoever copies data from
 * one file system to another waits before each piece. So a test can look at a clone that is being
 * made, for as long as it wants. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#define A_PIECE (16 * 1024) /* smaller reads are no copies */

/* Both names are one function: off_t has 64 bits. */
__attribute__((visibility("default"))) ssize_t
pread64(int fd, void *buffer, size_t size, off64_t offset)
{
    typedef ssize_t (*Function)(int, void *, size_t, off64_t);
    Function next = (Function) dlsym(RTLD_NEXT, "pread64");
    const char *gate = getenv("SLOW_COPY");

    while (gate && size >= A_PIECE && access(gate, F_OK) == 0)
        usleep(5000);
    return next(fd, buffer, size, offset);
}
