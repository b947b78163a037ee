/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
#include "common/pool/volume-lock.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

static RlLock *
take(Lab *lab, const char *volume, const char *purpose)
{
    GError *error = NULL;
    RlLock *lock = rl_lock_take(lab->pool->dev, lab->pool->ino, volume, purpose, 1000, &error);

    g_assert_no_error(error);
    return lock;
}

static void
refused(Lab *lab, const char *volume, int timeout_ms, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_lock_take(lab->pool->dev, lab->pool->ino, volume, "try", timeout_ms, &error));
    take_error(error, RL_ERROR_BUSY, words);
}

static void
test_one_holder(Lab *lab)
{
    g_autoptr(RlLock) lock = take(lab, "a/b", "start");
    gint64 begin = g_get_monotonic_time();
    g_autofree char *words = g_strdup_printf("'a/b' & start & %d", (int) getpid());

    refused(lab, "a/b", 100, words);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 90 * 1000);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC);
    rl_lock_release(g_steal_pointer(&lock));
    lock = take(lab, "a/b", "stop");
    refused(lab, "a/b", 0, "stop");
    refused(lab, "a/b", 1000, "1 s");
    rl_lock_release(NULL);
}

/* Whoever had it before is not named for somebody who has not said what he does. */
static void
test_former_holder(Lab *lab)
{
    g_autoptr(RlLock) lock = take(lab, "a/b", "start");
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", lock->fd);
    g_autofree char *path = g_file_read_link(self, NULL);

    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    rl_lock_release(g_steal_pointer(&lock));
    g_assert_true(is_there(path)); /* somebody may wait for it */
    g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
    for (int i = 0; i < 2; i++) {
        refused(lab, "a/b", 0, "'a/b' & 'another operation'");
        g_assert_cmpint(ftruncate(fd, 0), ==, 0); /* as somebody's who has only just made it */
    }
}

static void
test_volumes_and_pools_are_apart(Lab *lab)
{
    g_autoptr(RlLock) lock = take(lab, "a/b", "start");
    g_autoptr(RlLock) other = take(lab, "a/c", "start");
    g_autoptr(RlLock) deep = take(lab, "a", "start");
    g_autoptr(RlLock) pool =
        rl_lock_take(lab->pool->dev, lab->pool->ino + 1, "a/b", "start", 0, NULL);

    g_assert_nonnull(pool);
}

/* A volume's name can be longer than a file's, and another path is no other pool. */
static void
test_names_and_paths(Lab *lab)
{
    g_autofree char *name = g_strnfill(8 * 209 + 7, 'n');
    g_autoptr(RlLock) lock = take(lab, name, "start");
    g_autofree char *link = g_strconcat(lab->path, "-link", NULL);
    g_autofree char *dotted = g_strconcat(lab->path, "/../pool", NULL);
    g_autoptr(RlPool) again = rl_pool_open(dotted, lab->pool->documents, NULL);

    g_assert_nonnull(again);
    g_assert_null(rl_lock_take(again->dev, again->ino, name, "start", 0, NULL));
}

static void
hold(void *lab)
{
    g_assert_nonnull(take(lab, "a/b", "commit"));
}

static void
test_another_process(Lab *lab)
{
    pid_t child = child_that_holds(hold, lab);
    g_autofree char *words = g_strdup_printf("commit & %d", (int) child);

    refused(lab, "a/b", 100, words);
    kill_child(child);
    g_autoptr(RlLock) lock = take(lab, "a/b", "start");
    g_assert_nonnull(lock);
}

static void *
release_soon(void *lock)
{
    g_usleep(100 * 1000);
    rl_lock_release(lock);
    return NULL;
}

static void
test_waits_no_longer_than_it_must(Lab *lab)
{
    RlLock *held = take(lab, "a/b", "start");
    GThread *thread = g_thread_new("holder", release_soon, held);
    gint64 begin = g_get_monotonic_time();
    g_autoptr(RlLock) lock = take(lab, "a/b", "stop");

    g_thread_join(thread);
    g_assert_nonnull(lock);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC / 2);
}

/* A program that the daemon starts meanwhile must not keep the lock. */
static void
test_is_not_inherited_by_programs(Lab *lab)
{
    g_autoptr(RlLock) lock = take(lab, "a/b", "start");

    g_assert_cmpint(fcntl(lock->fd, F_GETFD), ==, FD_CLOEXEC);
}

static void
test_lock_files_are_private(Lab *lab)
{
    g_autoptr(RlLock) lock = take(lab, "a/b", "start");
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", lock->fd);
    g_autofree char *path = g_file_read_link(self, NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_true(g_str_has_prefix(path, RL_LOCK_DIR "/"));
    g_assert_cmpuint(look(path).st_mode & 0777, ==, 0600);
    g_assert_cmpuint(look(dir).st_mode & 0077, ==, 0);
}

static char *
path_of(const RlLock *lock)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", lock->fd);

    return g_file_read_link(self, NULL);
}

/* A name that was used once costs nothing for the life of the host. */
static void
test_files_do_not_stay(Lab *lab)
{
    RlLock *lock = take(lab, "a/b", "start");
    g_autofree char *path = path_of(lock), *dir = g_path_get_dirname(path);

    g_assert_true(is_there(path));
    rl_lock_release(lock);
    g_assert_false(is_there(path));
    g_autofree char *before = list(dir); /* another pool had this number, and was killed */
    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("disp%d/private", i);
        rl_lock_release(take(lab, name, "create"));
    }
    assert_list(dir, before);

    /* What a killed process leaves goes with the next lock of that name. */
    pid_t child = child_that_holds(hold, lab);
    kill_child(child);
    g_assert_true(is_there(path));
    rl_lock_release(take(lab, "a/b", "start"));
    g_assert_false(is_there(path));
}

/* A process of an earlier version takes what it has opened for the lock, whatever becomes of its
 * name. */
static void
test_waits_of_earlier_versions(Lab *lab)
{
    RlLock *lock = take(lab, "a/b", "start");
    g_autofree char *path = path_of(lock);
    rl_autofd int earlier = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(flock(earlier, LOCK_EX | LOCK_NB), ==, -1);
    rl_lock_release(lock);
    g_assert_cmpint(flock(earlier, LOCK_EX | LOCK_NB), ==, 0);
    refused(lab, "a/b", 100, "'another operation'");
    rl_fd_close(&earlier);
    rl_lock_release(take(lab, "a/b", "start"));
    g_assert_false(is_there(path));
}

/* Who has an old file of the lock, since somebody removed it, removes nobody else's. */
static void
test_another_file(Lab *lab)
{
    RlLock *old = take(lab, "a/b", "start");
    g_autofree char *path = path_of(old);

    g_assert_cmpint(unlink(path), ==, 0);
    g_autoptr(RlLock) lock = take(lab, "a/b", "stop");
    rl_lock_release(old);
    g_assert_true(is_there(path));
    refused(lab, "a/b", 100, "stop");
}

typedef struct {
    Lab *lab;
    int inside, most, turns; /* how many hold it now, at most; how often it was held */
} Contest;

static void *
contend(void *data)
{
    Contest *contest = data;

    for (int i = 0; i < 1500; i++) {
        g_autoptr(RlLock) lock = rl_lock_take(contest->lab->pool->dev, contest->lab->pool->ino,
                                              "a/b", "race", RL_LOCK_TIMEOUT_MS, NULL);
        g_assert_nonnull(lock);
        int now = g_atomic_int_add(&contest->inside, 1) + 1;
        if (now > contest->most)
            contest->most = now;
        contest->turns++; /* not atomic: it is what the lock is for */
        if (i % 64 == 0)
            g_usleep(100);
        g_atomic_int_add(&contest->inside, -1);
    }
    return NULL;
}

/* The file is made and removed all the time: never do two have the lock, and none is lost. */
static void
test_one_holder_while_files_go(Lab *lab)
{
    Contest contest = {.lab = lab};
    GThread *threads[4];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("contender", contend, &contest);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(contest.most, ==, 1);
    g_assert_cmpint(contest.turns, ==, 1500 * (int) G_N_ELEMENTS(threads));
}

void
add_tests(void)
{
    lab_add_on("/lock/one-holder", "xfs", test_one_holder);
    lab_add_on("/lock/former-holder", "xfs", test_former_holder);
    lab_add_on("/lock/volumes-and-pools-are-apart", "xfs", test_volumes_and_pools_are_apart);
    lab_add_on("/lock/names-and-paths", "xfs", test_names_and_paths);
    lab_add_on("/lock/another-process", "xfs", test_another_process);
    lab_add_on("/lock/waits-no-longer-than-it-must", "xfs", test_waits_no_longer_than_it_must);
    lab_add_on("/lock/is-not-inherited-by-programs", "xfs", test_is_not_inherited_by_programs);
    lab_add_on("/lock/lock-files-are-private", "xfs", test_lock_files_are_private);
    lab_add_on("/lock/files-do-not-stay", "xfs", test_files_do_not_stay);
    lab_add_on("/lock/waits-of-earlier-versions", "xfs", test_waits_of_earlier_versions);
    lab_add_on("/lock/another-file", "xfs", test_another_file);
    lab_add_on("/lock/one-holder-while-files-go", "xfs", test_one_holder_while_files_go);
}
