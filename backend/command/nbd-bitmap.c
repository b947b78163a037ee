/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nbd-bitmap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/changes.h"
#include "nbd-server.h"

#define SECTOR 512
#define GRANULARITY_MIN 4096
/* So many bits at most: 8 MiB, in each of two bitmaps. */
#define BITS_MAX (UINT64_C(1) << 26)
/* More than this is told to qemu-io in pieces. */
#define WRITE_MAX (UINT64_C(1) << 30)

/* --- What is to be set. */

typedef struct {
    RlNbdBitmap *bitmap;
    FILE *script;
    uint64_t start, end; /* of whole bits, a range that may go on; empty where there is none */
} Marking;

static void
end_range(Marking *marking)
{
    RlNbdBitmap *bitmap = marking->bitmap;

    bitmap->marked += marking->end - marking->start;
    for (uint64_t at = marking->start, end = MIN(marking->end, bitmap->size); at < end;) {
        uint64_t length = MIN(end - at, WRITE_MAX);
        fprintf(marking->script, "write -z %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", at,
                length);
        at += length;
    }
    marking->start = marking->end;
}

static bool
add_range(uint64_t start, uint64_t length, void *data, GError **error)
{
    Marking *marking = data;
    uint64_t bit = marking->bitmap->granularity;
    uint64_t first = start / bit * bit, end = (start + length + bit - 1) / bit * bit;

    (void) error;
    if (first > marking->end) {
        end_range(marking);
        marking->start = first;
    }
    marking->end = MAX(marking->end, end);
    return true;
}

/* Owned by the caller; -1 with @error. */
static int
open_script(GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("virt-reflink-XXXXXX", &path, error);

    if (fd >= 0)
        unlink(path);
    return fd;
}

bool
rl_nbd_bitmap_find(int from, int to, const RlProgress *progress, RlNbdBitmap *ret_bitmap,
                   GError **error)
{
    struct stat st;

    if (fstat(to, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine the image to export");
    *ret_bitmap = (RlNbdBitmap){
        .script = open_script(error),
        .size = ((uint64_t) st.st_size + SECTOR - 1) / SECTOR * SECTOR,
        .granularity = GRANULARITY_MIN,
    };
    while (ret_bitmap->size / ret_bitmap->granularity > BITS_MAX)
        ret_bitmap->granularity *= 2;
    int fd = ret_bitmap->script < 0 ? -1 : fcntl(ret_bitmap->script, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return ret_bitmap->script < 0 || rl_fail_errno(error, errno, "no file can be opened");

    Marking marking = {.bitmap = ret_bitmap, .script = fdopen(fd, "w")};
    const RlChangesWish wish = {.range = add_range, .data = &marking, .progress = *progress};
    bool by_bytes;
    bool done = rl_changes_find(from, to, &wish, &by_bytes, error);
    end_range(&marking);
    if (fclose(marking.script) != 0 && done)
        done = rl_fail_errno(error, errno, "cannot write down which blocks changed");
    lseek(ret_bitmap->script, 0, SEEK_SET);
    return done;
}

void
rl_nbd_bitmap_clear(RlNbdBitmap *bitmap)
{
    rl_fd_close(&bitmap->script);
}

/* --- qemu-storage-daemon's monitor: an object a line, in both directions. */

typedef struct {
    FILE *requests, *answers;
    char *line; /* the last answer */
    size_t size;
} Monitor;

static void
monitor_clear(Monitor *monitor)
{
    if (monitor->requests)
        fclose(monitor->requests);
    if (monitor->answers)
        fclose(monitor->answers);
    free(monitor->line);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Monitor, monitor_clear)

static bool G_GNUC_PRINTF(3, 4) ask(Monitor *monitor, GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(monitor->requests, format, args);
    va_end(args);
    putc('\n', monitor->requests);
    fflush(monitor->requests);
    /* What else it says are events, and its greeting. */
    while (getline(&monitor->line, &monitor->size, monitor->answers) > 0) {
        if (g_str_has_prefix(monitor->line, "{\"return\""))
            return true;
        if (g_str_has_prefix(monitor->line, "{\"error\""))
            return rl_fail(error, RL_ERROR_INVALID, "qemu-storage-daemon refused: %s",
                           g_strchomp(monitor->line));
    }
    return rl_fail(error, RL_ERROR_INVALID,
                   "qemu-storage-daemon ended before its export had begun");
}

/* It writes zeros where a bit is to be set, and says much of each. */
static bool
run_qemu_io(const RlNbdBitmap *bitmap, const char *path, GError **error)
{
    g_autofree char *uri = rl_nbd_uri(path, "marks");
    const char *const argv[] = {"qemu-io", "-f", "raw", uri, NULL};
    rl_autofd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    g_autoptr(GError) cause = NULL;
    GPid pid;

    if (!g_spawn_async_with_fds(NULL, (char **) argv, NULL,
                                G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                                bitmap->script, null, -1, &cause))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "cannot run qemu-io (%s). Install the package qemu-utils", cause->message);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    g_spawn_close_pid(pid);
    return true;
}

/* A bit that is missing would be a block that a backup leaves out. */
static bool
require_marked(Monitor *monitor, const RlNbdBitmap *bitmap, GError **error)
{
    static const char name[] = "\"count\": ";

    if (!ask(monitor, error,
             "{\"execute\":\"query-named-block-nodes\",\"arguments\":{\"flat\":true}}"))
        return false;
    const char *count = strstr(monitor->line, name);
    uint64_t marked = count ? g_ascii_strtoull(count + strlen(name), NULL, 10) : UINT64_MAX;
    return marked == bitmap->marked || rl_fail(error, RL_ERROR_INVALID,
                                               "qemu-io has marked %" G_GUINT64_FORMAT
                                               " instead of %" G_GUINT64_FORMAT " bytes as changed",
                                               marked, bitmap->marked);
}

static bool
set_bits(Monitor *monitor, const RlNbdBitmap *bitmap, const char *path, GError **error)
{
    return ask(monitor, error, "{\"execute\":\"qmp_capabilities\"}") &&
           ask(monitor, error,
               "{\"execute\":\"block-dirty-bitmap-add\",\"arguments\":{\"node\":\"marks\","
               "\"name\":\"marks\",\"granularity\":%" G_GUINT64_FORMAT "}}",
               bitmap->granularity) &&
           ask(monitor, error,
               "{\"execute\":\"block-export-add\",\"arguments\":{\"type\":\"nbd\","
               "\"id\":\"marks\",\"node-name\":\"marks\",\"name\":\"marks\","
               "\"writable\":true}}") &&
           run_qemu_io(bitmap, path, error) && require_marked(monitor, bitmap, error) &&
           ask(monitor, error,
               "{\"execute\":\"block-export-del\",\"arguments\":{\"id\":\"marks\","
               "\"mode\":\"hard\"}}") &&
           ask(monitor, error,
               "{\"execute\":\"block-dirty-bitmap-add\",\"arguments\":{\"node\":\"disk\","
               "\"name\":\"" RL_NBD_BITMAP "\",\"granularity\":%" G_GUINT64_FORMAT
               ",\"disabled\":true}}",
               bitmap->granularity) &&
           ask(monitor, error,
               "{\"execute\":\"block-dirty-bitmap-merge\",\"arguments\":{\"node\":\"disk\","
               "\"target\":\"" RL_NBD_BITMAP
               "\",\"bitmaps\":[{\"node\":\"marks\",\"name\":\"marks\"}]}}") &&
           ask(monitor, error,
               "{\"execute\":\"block-export-add\",\"arguments\":{\"type\":\"nbd\","
               "\"id\":\"disk\",\"node-name\":\"disk\",\"name\":\"\","
               "\"bitmaps\":[\"" RL_NBD_BITMAP "\"]}}");
}

bool
rl_nbd_bitmap_set(const RlNbdBitmap *bitmap, int requests, int answers, const char *path,
                  GError **error)
{
    g_auto(Monitor) monitor = {.requests = fdopen(requests, "w"), .answers = fdopen(answers, "r")};

    if (!monitor.requests || !monitor.answers)
        return rl_fail_errno(error, errno, "cannot talk to qemu-storage-daemon");
    signal(SIGPIPE, SIG_IGN); /* a daemon that has ended is an error here */
    bool done = set_bits(&monitor, bitmap, path, error);
    signal(SIGPIPE, SIG_DFL);
    return done;
}
