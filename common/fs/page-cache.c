/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the C library is older than the call (Linux 6.5), which has the same number everywhere but
 * on alpha. */
#if !defined(SYS_cachestat) && !defined(__alpha__)
#define SYS_cachestat 451
#endif

/* cachestat(2); <linux/mman.h> may be older. */
typedef struct {
    uint64_t offset, length; /* length 0: to the end */
} Part;

typedef struct {
    uint64_t cached, dirty, written_back, evicted, recently_evicted; /* pages */
} Count;

/* Others hold a page for a moment, when they look through memory. */
#define ATTEMPTS 5
#define STEP_MS 10

/* What is mapped at a time to be asked about. */
#define WINDOW ((uint64_t) 1024 * 1024 * 1024)

static bool
count_pages(int fd, Count *ret_count)
{
#ifdef SYS_cachestat
    const Part all = {0, 0};

    return syscall(SYS_cachestat, fd, &all, ret_count, 0) == 0;
#else
    return false;
#endif
}

static bool
is_any_set(const unsigned char *pages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pages[i] & 1)
            return true;
    return false;
}

/* For earlier kernels: takes 15 ms for each GiB of the file, whatever is cached. */
static bool
has_pages_mapped(int fd, uint64_t size)
{
    uint64_t page = (uint64_t) sysconf(_SC_PAGESIZE);
    g_autofree unsigned char *pages = g_malloc(WINDOW / page);

    for (uint64_t at = 0; at < size; at += WINDOW) {
        size_t length = (size_t) MIN(WINDOW, size - at);
        void *window = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t) at);
        if (window == MAP_FAILED) /* GCOV_EXCL_LINE: only without memory */
            return true;          /* GCOV_EXCL_LINE: only without memory */
        bool any =
            mincore(window, length, pages) < 0 || is_any_set(pages, (length + page - 1) / page);
        munmap(window, length);
        if (any)
            return true;
    }
    return false;
}

static bool
has_pages(int fd, uint64_t size)
{
    Count count;

    return count_pages(fd, &count) ? count.cached > 0 : has_pages_mapped(fd, size);
}

bool
rl_page_cache_drop(int fd, uint64_t size)
{
    /* What is on its way to the disk cannot be dropped. */
    if (sync_file_range(fd, 0, 0,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER) < 0)
        return false;
    for (int i = 0; i < ATTEMPTS; i++) {
        if (i > 0)
            g_usleep(STEP_MS * 1000);
        if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 && !has_pages(fd, size))
            return true;
    }
    return false;
}
