/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into a program: it can fork once, and its children not at all, as where a service has
 * no room for more tasks. */
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

__attribute__((visibility("default"))) pid_t
fork(void)
{
    static int forks;
    typedef pid_t (*Function)(void);
    Function next = (Function) dlsym(RTLD_NEXT, "fork");

    if (forks++ == 0)
        return next();
    errno = EAGAIN;
    return -1;
}
