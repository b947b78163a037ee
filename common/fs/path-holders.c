/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path-holders.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "dir-iter.h"
#include "fdinfo.h"
#include "mounts.h"

#define PROC "/proc"
#define PATIENCE_US (5 * G_USEC_PER_SEC)
/* A refresh or a scan has a descriptor for a moment. */
#define ATTEMPTS 3
#define STEP_US (20 * 1000)

typedef struct {
    const char *name;
    struct statx file;
    gint64 deadline_us;
    GHashTable *seen; /* views of mounts */
    const char *pid;  /* of the process that is asked */
} Search;

/* The process or thread may be gone by now, or going. */
static bool
is_gone(int code)
{
    return code == ENOENT || code == ESRCH || code == EINVAL;
}

/* No server of a file system (NFS, FUSE) is asked: one that does not answer is not waited for. */
static bool
look(int dir, const char *name, int flags, struct statx *ret_st)
{
    return statx(dir, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                 STATX_INO | STATX_TYPE | STATX_MNT_ID, ret_st) == 0;
}

/* A mountinfo has what can be reached from the root of its process, so that belongs to it. Owned by
 * the caller; NULL where it cannot be told, as of a process that must not be looked at. */
static char *
describe_view(int task)
{
    char namespace[NAME_MAX + 1] = "";
    struct statx root;

    if (readlinkat(task, "ns/mnt", namespace, NAME_MAX) < 0 || !look(task, "root", 0, &root))
        return NULL;
    return g_strdup_printf("%s %" G_GUINT64_FORMAT " %u:%u %" G_GUINT64_FORMAT, namespace,
                           (guint64) root.stx_mnt_id, root.stx_dev_major, root.stx_dev_minor,
                           (guint64) root.stx_ino);
}

static bool
is_mounted(const GPtrArray *mounts, const char *name)
{
    for (guint i = 0; i < mounts->len; i++) {
        const RlMount *mount = g_ptr_array_index(mounts, i);
        const char *last = strrchr(mount->root, '/');
        if (strcmp(last ? last + 1 : mount->root, name) == 0)
            return true;
    }
    return false;
}

/* True if @task sees a mount of the file, or may. */
static bool
sees_a_mount(int task, Search *search)
{
    g_autofree char *view = describe_view(task);
    g_autoptr(GError) error = NULL;

    if (view && g_hash_table_contains(search->seen, view))
        return false;
    g_autoptr(GPtrArray) mounts = rl_mounts_read_of(task, &error);
    if (!mounts)
        return error->domain != RL_ERRNO || !is_gone(error->code);
    if (view)
        g_hash_table_add(search->seen, g_steal_pointer(&view));
    return is_mounted(mounts, search->name);
}

/* Of descriptors that can read or write a lease tells. */
static bool
is_a_path(int process, const char *number)
{
    return rl_fdinfo_flags(process, number) & O_PATH;
}

static bool
is_the_file(const struct statx *st, const Search *search)
{
    return st->stx_ino == search->file.stx_ino && st->stx_dev_major == search->file.stx_dev_major &&
           st->stx_dev_minor == search->file.stx_dev_minor;
}

/* True for what a process or thread tells, or cannot be asked. */
typedef bool (*Question)(int process, const char *number, Search *search);

static bool
is_held_by_descriptor(int fds, const char *number, Search *search)
{
    struct statx st;

    return look(fds, number, 0, &st) && is_the_file(&st, search);
}

/* Asks @question of each entry of @directory of @process; of PROC itself, which cannot be gone. */
static bool
any(int process, const char *directory, Question question, Search *search)
{
    bool stays = process == AT_FDCWD;
    rl_autofd int dir = openat(process, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = dir < 0 ? NULL : rl_dir_iter_open(dir, NULL);
    const char *number;

    /* EACCES: it is outside of this user namespace, or a security module confines it. */
    if (!entries)
        return stays || (!is_gone(errno) && errno != EACCES);
    while ((number = rl_dir_iter_next(entries)))
        if (g_get_monotonic_time() > search->deadline_us ||
            (question(dir, number, search) &&
             (question != is_held_by_descriptor || is_a_path(process, number))))
            return true;
    return entries->failure != 0 && (stays || !is_gone(entries->failure));
}

/* A thread can have descriptors of its own (unshare(2), CLONE_FILES). */
static bool
shares_descriptors(const char *pid, const char *thread)
{
    return strcmp(pid, thread) == 0 || syscall(SYS_kcmp, strtol(pid, NULL, 10),
                                               strtol(thread, NULL, 10), KCMP_FILES, 0UL, 0UL) == 0;
}

static bool
is_held_by_thread(int tasks, const char *number, Search *search)
{
    rl_autofd int task = openat(tasks, number, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (task < 0)
        return !is_gone(errno);
    return sees_a_mount(task, search) || (!shares_descriptors(search->pid, number) &&
                                          any(task, "fd", is_held_by_descriptor, search));
}

static bool
is_held_by_process(int proc, const char *pid, Search *search)
{
    if (!g_ascii_isdigit(pid[0]))
        return false;
    rl_autofd int process = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);

    search->pid = pid;
    return process < 0 ? !is_gone(errno)
                       : any(process, "task", is_held_by_thread, search) ||
                             any(process, "fd", is_held_by_descriptor, search);
}

bool
rl_file_has_path_holder(int fd, const char *name)
{
    Search search = {.name = name, .deadline_us = g_get_monotonic_time() + PATIENCE_US};

    if (!look(fd, "", AT_EMPTY_PATH, &search.file))
        return true;
    for (int i = 0; i < ATTEMPTS; i++) {
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        search.seen = seen;
        if (i > 0)
            g_usleep(STEP_US);
        if (!any(AT_FDCWD, PROC, is_held_by_process, &search))
            return false;
    }
    return true;
}
