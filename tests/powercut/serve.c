/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve.h"

#define FUSE_USE_VERSION 35
#include <fuse.h>

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
    Serve wish;
    int commands;
    guint epoch;  /* all before it is in @bytes */
    char *bytes;  /* of the disk */
    char *shown;  /* a private mapping of them: the kernel copies a page when it is written to */
    char *window; /* one of both: reads and writes go there */
    struct fuse *fuse;
} disk;

static void
record(RecordType type, uint64_t offset, uint64_t length, const void *data)
{
    if (disk.wish.file >= 0)
        record_append(disk.wish.file, type, offset, length, data);
}

/* --- The file */

static int
serve_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    (void) info;
    if (strcmp(path, "/") != 0)
        return -ENOENT;
    st->st_mode = S_IFREG | 0600;
    st->st_nlink = 1;
    st->st_size = (off_t) disk.wish.size;
    return 0;
}

/* With direct_io the kernel keeps no pages of the file: what comes here is all there is. Without,
 * it reads ahead, and an open makes it forget what it has read. Writes come here at once in both
 * cases.
 */
static int
serve_open(const char *path, struct fuse_file_info *info)
{
    (void) path;
    info->direct_io = disk.wish.recording == NULL;
    return 0;
}

static int
serve_read(const char *path, char *data, size_t length, off_t offset, struct fuse_file_info *info)
{
    (void) path, (void) info;
    if ((uint64_t) offset >= disk.wish.size)
        return 0;
    length = MIN(length, disk.wish.size - (uint64_t) offset);
    memcpy(data, disk.window + offset, length);
    return (int) length;
}

static bool
is_zero(const char *data, size_t length)
{
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

static int
serve_write(const char *path, const char *data, size_t length, off_t offset,
            struct fuse_file_info *info)
{
    (void) path, (void) info;
    if ((uint64_t) offset + length > disk.wish.size)
        return -ENOSPC;
    memcpy(disk.window + offset, data, length);
    record(is_zero(data, length) ? RECORD_ZERO : RECORD_WRITE, (uint64_t) offset, length, data);
    return (int) length;
}

static int
serve_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *info)
{
    (void) path, (void) info;
    if (!(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
        return -EOPNOTSUPP;
    if ((uint64_t) (offset + length) > disk.wish.size)
        return -ENOSPC;
    memset(disk.window + offset, 0, (size_t) length);
    record(RECORD_ZERO, (uint64_t) offset, (uint64_t) length, NULL);
    return 0;
}

static int
serve_fsync(const char *path, int datasync, struct fuse_file_info *info)
{
    (void) path, (void) datasync, (void) info;
    record(RECORD_FLUSH, 0, 0, NULL);
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = serve_getattr,
    .open = serve_open,
    .read = serve_read,
    .write = serve_write,
    .fallocate = serve_fallocate,
    .fsync = serve_fsync,
};

/* --- States */

static void
show(const State *state)
{
    for (; disk.epoch < state->epoch; disk.epoch++)
        state_build(disk.wish.recording, &(State){.epoch = disk.epoch, .kind = STATE_ALL},
                    disk.bytes);
    if (madvise(disk.shown, disk.wish.size, MADV_DONTNEED) < 0)
        g_error("cannot forget a state: %m");
    state_build(disk.wish.recording, state, disk.shown);
    disk.window = disk.shown;
}

static void
answer(void)
{
    if (write(disk.commands, "", 1) != 1)
        _exit(1);
}

static gpointer
obey(gpointer unused)
{
    State state;

    while (read(disk.commands, &state, sizeof(state)) == sizeof(state)) {
        show(&state);
        answer();
    }
    return unused;
}

/* --- The process */

static void
map_memory(void)
{
    rl_autofd int memory = memfd_create("disk", MFD_CLOEXEC);
    size_t size = disk.wish.size;

    if (memory < 0 || ftruncate(memory, (off_t) size) < 0)
        g_error("no memory for a disk: %m");
    disk.bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    disk.shown = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
    if (disk.bytes == MAP_FAILED || disk.shown == MAP_FAILED)
        g_error("no memory for a disk: %m");
    disk.window = disk.bytes;
}

/* It goes with its parent, and not before: whoever kills both at once leaves a parent that waits
 * for this disk. */
static void
stay_until_parent_ends(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The file is served by one thread: what comes is done and recorded in one order. */
void
serve(const Serve *wish, int commands)
{
    char *arguments[] = {(char *) "powercut", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);

    stay_until_parent_ends();
    disk.wish = *wish;
    disk.commands = commands;
    map_memory();
    disk.fuse = fuse_new(&args, &operations, sizeof(operations), NULL);
    if (!disk.fuse || fuse_mount(disk.fuse, wish->path) != 0)
        g_error("cannot serve a file by FUSE");
    answer();
    g_thread_new("states", obey, NULL);
    _exit(fuse_loop(disk.fuse) != 0);
}
