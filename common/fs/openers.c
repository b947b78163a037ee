/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "openers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "dir-iter.h"
#include "dirfd.h"
#include "fdinfo.h"
#include "loop-device.h"

#define PATIENCE_US (500 * 1000)

typedef struct {
    struct statx file;
    RlOpeners openers;
    gint64 deadline_us;
} Search;

/* No server of a file system (NFS, FUSE) is asked: one that does not answer is not waited for. */
static bool
look(int dir, const char *name, int flags, struct statx *ret_st)
{
    return statx(dir, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, ret_st) == 0;
}

static bool
is_same(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

static bool
is_sought(int process, const char *number, RlOpeners openers)
{
    guint64 flags = rl_fdinfo_flags(process, number);

    return !(flags & O_PATH) && (openers == RL_OPENERS_ALL || (flags & O_ACCMODE) != O_RDONLY);
}

static bool
has_it_open(int process, const Search *search)
{
    rl_autofd int fds = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = fds < 0 ? NULL : rl_dir_iter_open(fds, NULL);
    const char *number;
    struct statx st;

    while (entries && (number = rl_dir_iter_next(entries)) &&
           g_get_monotonic_time() <= search->deadline_us)
        if (look(fds, number, 0, &st) && is_same(&st, &search->file) &&
            is_sought(process, number, search->openers))
            return true;
    return false;
}

/* A process names itself as it likes. */
static void
make_printable(char *text)
{
    for (char *c = text; *c; c++)
        if (g_ascii_iscntrl(*c) || (unsigned char) *c >= 0x7f)
            *c = '?';
}

static char *
describe_process(int process, const char *pid)
{
    rl_autofd int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
    g_autofree char *exe = g_strdup_printf("/proc/%s/exe", pid);
    g_autofree char *path = g_file_read_link(exe, NULL);
    size_t length;
    g_autofree char *command = fd < 0 ? NULL : rl_dirfd_read_opened(fd, "comm", 256, &length, NULL);
    char *text = g_strdup_printf("process %s (%s%s%s)", pid, command ? g_strchomp(command) : "?",
                                 path ? ", " : "", path ? path : "");

    make_printable(text);
    return text;
}

static char *
find_process(const Search *search)
{
    rl_autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = proc < 0 ? NULL : rl_dir_iter_open(proc, NULL);
    g_autofree char *self = g_strdup_printf("%d", (int) getpid());
    const char *pid;

    while (entries && (pid = rl_dir_iter_next(entries))) {
        if (!g_ascii_isdigit(pid[0]))
            continue;
        /* Who asks has it open for reading. */
        if (search->openers == RL_OPENERS_ALL && strcmp(pid, self) == 0)
            continue;
        if (g_get_monotonic_time() > search->deadline_us)
            return NULL;
        rl_autofd int process = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0 && has_it_open(process, search))
            return describe_process(process, pid);
    }
    return NULL;
}

char *
rl_opener_describe(int fd, RlOpeners openers)
{
    Search search = {.openers = openers, .deadline_us = g_get_monotonic_time() + PATIENCE_US};

    if (!look(fd, "", AT_EMPTY_PATH, &search.file))
        return NULL;
    char *process = find_process(&search);
    return process ? process : rl_loop_find_writer(fd);
}
