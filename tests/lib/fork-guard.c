/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded before the address sanitizer's library into the daemon, which has threads, forks, and
 * allocates in the child: the sanitizer does not see to its own locks as the C library does, and a
 * child that is forked while another thread is in the allocator hangs. So nobody is in it here when
 * somebody forks. */
#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many are in the allocator; FORKING while none may enter. */
#define FORKING (1 << 30)
static atomic_int inside;
static atomic_flag someone_forks = ATOMIC_FLAG_INIT;
/* Whoever forks may allocate meanwhile, in what pthread_atfork() has called. */
static _Thread_local int is_forking __attribute__((tls_model("initial-exec")));

/* The C library's are not to be declared with other attributes: these are theirs but for the name.
 */
#define EXPORT __attribute__((visibility("default")))

static void
enter(void)
{
    while (!is_forking && atomic_fetch_add(&inside, 1) >= FORKING) {
        atomic_fetch_sub(&inside, 1);
        while (atomic_load(&inside) >= FORKING)
            sched_yield();
    }
}

static void
leave(void)
{
    if (!is_forking)
        atomic_fetch_sub(&inside, 1);
}

/* libvirt would hand it on to whatever it runs, which is to be as it always is. */
__attribute__((constructor)) static void
leave_alone_what_is_run(void)
{
    unsetenv("LD_PRELOAD");
}

/* The sanitizer's own. */
#define GUARD(type, name, parameters, arguments)      \
    EXPORT type name parameters;                      \
    extern type __interceptor_##name parameters;      \
    type name parameters                              \
    {                                                 \
        enter();                                      \
        type result = __interceptor_##name arguments; \
        leave();                                      \
        return result;                                \
    }

GUARD(void *, malloc, (size_t size), (size))
GUARD(void *, calloc, (size_t count, size_t size), (count, size))
GUARD(void *, realloc, (void *memory, size_t size), (memory, size))
GUARD(void *, reallocarray, (void *memory, size_t count, size_t size), (memory, count, size))
GUARD(void *, memalign, (size_t alignment, size_t size), (alignment, size))
GUARD(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
GUARD(int, posix_memalign, (void **memory, size_t alignment, size_t size),
      (memory, alignment, size))
GUARD(char *, strdup, (const char *text), (text))
GUARD(char *, __strdup, (const char *text), (text))
GUARD(char *, strndup, (const char *text, size_t size), (text, size))
GUARD(char *, __strndup, (const char *text, size_t size), (text, size))

EXPORT void free(void *memory);
extern void __interceptor_free(void *memory);

void
free(void *memory)
{
    enter();
    __interceptor_free(memory);
    leave();
}

EXPORT pid_t fork(void);

pid_t
fork(void)
{
    static pid_t (*real)(void);

    if (!real)
        *(void **) &real = dlsym(RTLD_NEXT, "fork");
    while (atomic_flag_test_and_set(&someone_forks))
        sched_yield();
    atomic_fetch_add(&inside, FORKING);
    while (atomic_load(&inside) != FORKING)
        sched_yield();
    is_forking = 1;
    pid_t pid = real();
    is_forking = 0;
    /* Those that were about to enter are not in the child. */
    if (pid == 0)
        atomic_store(&inside, 0);
    else
        atomic_fetch_sub(&inside, FORKING);
    atomic_flag_clear(&someone_forks);
    return pid;
}
