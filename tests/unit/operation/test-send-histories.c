/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* States that are sent and received are the same, byte for byte, through whatever history.
 * RL_HISTORIES says how many histories are made; --seed makes the same ones again. */
#include "common/base/autofd.h"
#include "common/fs/file-data.h"
#include "common/operation/defragment.h"
#include "common/operation/maintenance.h"
#include "common/operation/receive.h"
#include "common/operation/resize.h"
#include "common/operation/staged-image.h"
#include "harness/scatter.h"
#include "harness/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define V SENT
#define COPY SENT_COPY
#define SIZE (2 * MIB)

typedef struct {
    GRand *rand;
    char *base; /* the state that the copy has, as a name of the original's; NULL: none */
    guint cuts, defragmented;
} History;

static guint
below(History *history, guint limit)
{
    return (guint) g_rand_int_range(history->rand, 0, (gint32) limit);
}

static void
scribble(History *history, int fd)
{
    struct stat st;
    static char bytes[96 * KIB];

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    for (guint i = below(history, 8) + 1; i > 0; i--) {
        guint length = below(history, sizeof(bytes) - 1) + 1;
        off_t start = (off_t) below(history, (guint) st.st_size - length);
        if (below(history, 2)) { /* whole blocks */
            start &= ~(off_t) 4095;
            length = MAX(length & ~4095U, 4096);
        }
        switch (below(history, 5)) {
        case 0:
            g_assert_cmpint(
                fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, length), ==, 0);
            continue;
        case 1:
            g_assert_cmpint(fallocate(fd, FALLOC_FL_KEEP_SIZE, start, length), ==, 0);
            continue;
        case 2:
            memset(bytes, 0, length);
            break;
        default:
            memset(bytes, 'a' + (int) below(history, 26), length);
            bytes[length / 2] = (char) below(history, 256);
        }
        g_assert_cmpint(pwrite(fd, bytes, length, start), ==, length);
    }
}

/* The name of the newest revision, owned by the caller. */
static char *
newest_revision(Lab *lab)
{
    g_autofree char *all = revisions(lab, V);
    const char *last = strrchr(all, ' ');

    return g_strconcat(V "@", last ? last + 1 : all, NULL);
}

static void
forget_base(History *history)
{
    g_clear_pointer(&history->base, g_free);
}

static void
run_guest(Lab *lab, History *history)
{
    GError *error = NULL;
    RlStop stop;

    lab_start(lab, V, &alice);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
        scribble(history, fd);
        if (below(history, 3) == 0) {
            scatter(fd, 0, SIZE / 2, &error);
            g_assert_no_error(error);
        }
        if (below(history, 4) == 0) {
            uint64_t size = SIZE / 2 + (uint64_t) below(history, SIZE);
            g_assert_true(rl_volume_resize(lab->pool, V, size, false, &error));
            g_assert_no_error(error);
        }
    }
    /* Holes in holes are no writes. */
    g_assert_true(rl_volume_stop(lab->pool, V, &alice, &stop, &error));
    g_assert_no_error(error);
    if (history->base && stop == RL_STOP_COMMITTED) {
        g_free(history->base);
        history->base = newest_revision(lab);
    }
}

/* In rest: no revision is made, so there is no base any more. */
static void
resize(Lab *lab, History *history)
{
    GError *error = NULL;

    g_assert_true(
        rl_volume_resize(lab->pool, V, SIZE / 2 + (uint64_t) below(history, SIZE), false, &error));
    g_assert_no_error(error);
    forget_base(history);
}

/* As after many runs: a part of it has other blocks, and the same bytes and date. */
static void
fragment(Lab *lab, History *history, const char *name)
{
    g_autofree char *path = lab_file(lab, name, RL_FILE_CLEAN);
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st = look(path);
    uint64_t length = (uint64_t) (st.st_size / SCATTER_BLOCK) * SCATTER_BLOCK;
    GError *error = NULL;

    scatter(fd, 0, length / (1 + below(history, 4)) / SCATTER_BLOCK * SCATTER_BLOCK, &error);
    g_assert_no_error(error);
    set_mtime(path, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* It stays the same state: what was sent of it, or received as it, is that still. */
static void
defragment(Lab *lab, History *history)
{
    const RlDefragment how = {
        .rule = {.limit = (8 + below(history, 512)) * KIB, .unshare = below(history, 2)}};
    const char *name = below(history, 2) ? V : COPY;
    RlDefragmented found;
    g_autoptr(GError) error = NULL;

    if (!lab->reflinks)
        return;
    fragment(lab, history, name);
    /* What little free space there is may be fragmented, too. */
    if (!rl_volume_defragment(lab->pool, name, &how, &found, &error))
        g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
    else
        history->defragmented += found.ranges > 0;
}

/* Back to an earlier state. */
static void
revert(Lab *lab, History *history)
{
    const RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    g_autofree char *all = revisions(lab, V);

    if (!*all)
        return;
    g_auto(GStrv) names = g_strsplit(all, " ", -1);
    const char *to = names[below(history, g_strv_length(names))];
    g_autofree char *path = revision_path(lab, V, to);
    rl_autofd int from = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V "@current", &access, &error);
    g_assert_no_error(error);
    g_assert_true(rl_staged_fill(draft, from, 0, true, &error));
    g_assert_true(rl_staged_replace(draft, &error));
    g_assert_no_error(error);
    if (history->base) {
        g_free(history->base);
        history->base = newest_revision(lab);
    }
}

/* Cut off or damaged anywhere, it changes nothing. */
static void
try_broken(Lab *lab, History *history, int whole)
{
    off_t size = lseek(whole, 0, SEEK_END);
    rl_autofd int fd = memfd_create("broken", MFD_CLOEXEC);
    g_autofree char *bytes = g_malloc((gsize) size);
    RlReceived received;
    g_autoptr(GError) error = NULL;

    g_assert_true(rl_full_read(whole, bytes, (size_t) size, 0, NULL));
    off_t cut = (off_t) g_rand_int_range(history->rand, 0, (gint32) size);
    if (below(history, 3) == 0) {
        bytes[cut] = (char) (bytes[cut] ^ 0x10);
        cut = size;
    }
    g_assert_true(rl_full_write(fd, bytes, (size_t) cut, 0, NULL));
    g_autofree char *before = list_tree(lab->path);
    g_assert_false(send_receive_try(lab, COPY, fd, &received, &error));
    g_assert_nonnull(error);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(before, ==, after);
    history->cuts++;
}

/* Receives @size bytes of @fd in a process that is killed when it has read them. */
static void
receive_killed(Lab *lab, int fd, off_t size)
{
    g_autofree char *bytes = g_malloc((gsize) size);
    int pipe_fds[2];
    ssize_t n;

    g_assert_true(rl_full_read(fd, bytes, (size_t) size, 0, NULL));
    g_assert_cmpint(pipe2(pipe_fds, O_CLOEXEC), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        const RlReceive receive = {.name = COPY, .in = pipe_fds[0], .keep_every = SENT_KEEP_EVERY};
        RlReceived received;
        close(pipe_fds[1]);
        rl_receive(lab_pool(lab), &receive, &received, NULL);
        _exit(0);
    }
    close(pipe_fds[0]);
    for (off_t done = 0; done < size; done += n) {
        n = write(pipe_fds[1], bytes + done, (size_t) (size - done));
        g_assert_cmpint(n, >, 0);
    }
    kill_child(pid);
    close(pipe_fds[1]);
}

/* Cut off at any byte, once or more, and sent on from where what came is kept. Returns the stream
 * that is to be received last. */
static int
cut_and_resume(Lab *lab, History *history, int fd)
{
    RlPartialNote came = {0};

    for (guint i = below(history, 3); i > 0; i--) {
        off_t size = lseek(fd, 0, SEEK_END);
        off_t cut = (off_t) g_rand_int_range(history->rand, 0, (gint32) size);
        uint64_t before = came.at;
        if (below(history, 3) == 0) {
            receive_killed(lab, fd, cut);
        } else {
            g_autoptr(GError) error = NULL;
            g_assert_false(send_receive_part(lab, COPY, fd, cut, &error));
            g_assert_error(error, RL_ERROR, RL_ERROR_INVALID);
        }
        history->cuts++;
        if (!send_kept(lab, COPY, &came))
            continue;
        g_assert_cmpuint(came.at, >=, before);
        /* Whatever tidies up leaves it. */
        g_assert_true(rl_volume_clear(lab->pool, COPY, NULL));
        close(fd);
        GError *error = NULL;
        fd = send_rest(lab, V, history->base, &came, &error);
        g_assert_no_error(error);
    }
    return fd;
}

static void
send_on(Lab *lab, History *history)
{
    rl_autofd int fd = send_state(lab, V, history->base);

    for (guint i = below(history, 3); i > 0; i--)
        try_broken(lab, history, fd);
    fd = cut_and_resume(lab, history, fd);
    RlReceived received = send_receive(lab, COPY, fd);
    g_assert_true(received.incremental == (history->base != NULL));
    send_same_volumes(lab);
    RlPartialNote came;
    g_assert_false(send_kept(lab, COPY, &came));
    g_free(history->base);
    history->base = g_strdup(V);
}

static void
compress_what_follows(Lab *lab)
{
    rl_autofd int dir = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int flags = FS_COMPR_FL;

    g_assert_cmpint(ioctl(dir, FS_IOC_SETFLAGS, &flags), ==, 0);
}

static void
remove_all(Lab *lab)
{
    static const char *const dirs[] = {"vm", "backup"};

    for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *path = lab_path(lab, dirs[i]);
        g_autofree char *command = g_strdup_printf("rm -rf '%s'", path);
        g_assert_cmpint(system(command), ==, 0);
    }
}

static void
live_through(Lab *lab, History *history)
{
    /* A directory of the first level stays, whatever becomes of what it was made for. */
    g_autofree char *dir = lab_path(lab, "backup");
    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    lab_create(lab, V, "the beginning", SIZE);
    send_on(lab, history);
    for (guint steps = below(history, 5) + 2; steps > 0; steps--) {
        guint what = below(history, 10);
        if (what == 0)
            resize(lab, history);
        else if (what >= 8)
            defragment(lab, history);
        else if (what <= 2)
            revert(lab, history);
        else
            run_guest(lab, history);
        if (below(history, 4))
            send_on(lab, history);
        else
            forget_base(history);
    }
    send_on(lab, history);
    forget_base(history);
    remove_all(lab);
}

static void
test_random_histories(Lab *lab)
{
    const char *wanted = g_getenv("RL_HISTORIES");
    int histories = wanted ? atoi(wanted) : 7;
    guint cuts = 0, defragmented = 0;

    for (int i = 0; i < histories; i++) {
        guint32 seed = g_test_rand_int();
        History history = {.rand = g_rand_new_with_seed(seed)};
        if (strcmp(lab->fs, "btrfs") == 0 && i == histories / 2)
            compress_what_follows(lab);
        g_test_message("history %d, seed %u", i, seed);
        live_through(lab, &history);
        g_rand_free(history.rand);
        cuts += history.cuts;
        defragmented += history.defragmented;
    }
    g_test_message("%d histories, %u streams were cut off or damaged, %u volumes defragmented",
                   histories, cuts, defragmented);
}

void
add_tests(void)
{
    lab_add("/send/random-histories", test_random_histories);
}
