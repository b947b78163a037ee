/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A commit that is cut off: by hand after each step, and by killing the process before each of its
 * system calls that change the disk. */
#include "common/base/autofd.h"
#include "common/format/image-id.h"
#include "common/fs/xattr.h"
#include "common/image/new-revision.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/staged-image.h"
#include "common/operation/stop.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define V "a/b/private"

/* Linked, not yet renamed: the revision is the clean image itself. */
static void
cut_off_after_link(Lab *lab)
{
    GError *error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, &error);
    rl_autofd int dirty = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    rl_autofd int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    uint64_t number;
    bool linked;

    g_assert_true(rl_new_revision_number(volume, clean, &number, &linked, &error));
    g_assert_false(linked);
    g_assert_true(rl_image_id_renew(dirty, number, &error));
    g_assert_true(rl_new_revision_link(volume, number, &error));
    g_assert_no_error(error);
}

static void
prepare(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "three");
}

static void
check_committed_once(Lab *lab)
{
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "two");
    image_is(lab, V, RL_FILE_CLEAN, "three");
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

static void
test_cut_off_and_stopped_again(Lab *lab)
{
    prepare(lab);
    cut_off_after_link(lab);
    assert_revisions(lab, V, "1 2");
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    check_committed_once(lab);
}

static void
test_cut_off_and_started_again(Lab *lab)
{
    prepare(lab);
    cut_off_after_link(lab);
    lab_start(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    check_committed_once(lab);
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "1 2 3");
}

/* The clean image's second name is not pruned; it would have to be made again. */
static void
test_cut_off_and_tidied(Lab *lab)
{
    prepare(lab);
    cut_off_after_link(lab);
    lab_options(lab, 0);
    g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    assert_revisions(lab, V, "2");
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "2");
    revision_is(lab, V, "2", "two");
}

/* What a guest's owner made smaller stays wanted so. */
static void
test_cut_off_after_a_shrink(Lab *lab)
{
    GError *error = NULL;

    prepare(lab);
    g_assert_true(rl_volume_resize(lab->pool, V, 512 * KIB, false, &error));
    cut_off_after_link(lab);
    lab_start(lab, V, &alice);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 512 * KIB);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    check_committed_once(lab);
}

/* A number that is given is given, whatever then becomes of the clean image. */
static void
test_resize_knows_the_number_that_was_linked(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    GError *error = NULL;

    prepare(lab);
    cut_off_after_link(lab);
    g_assert_cmpint(unlink(dirty), ==, 0); /* discarded */
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "1 2");
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "1 2 3");
    revision_is(lab, V, "2", "two");
    revision_is(lab, V, "3", "two");
}

/* System calls that change what lies on the disk. */
static bool
changes_the_disk(uint64_t number)
{
    switch (number) {
    case SYS_linkat:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_ftruncate:
    case SYS_fsetxattr:
    case SYS_fremovexattr:
    case SYS_utimensat:
    case SYS_ioctl:
    case SYS_fsync:
        return true;
    }
    return false;
}

/* Runs @act in a child and kills it before its @n-th change. Returns false if it came to its end
 * before. */
static bool
kill_before_change(void (*act)(Lab *), Lab *lab, int n)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        act(lab);
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    for (;;) {
        struct __ptrace_syscall_info info;
        g_assert_cmpint(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), ==, 0);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        if (WIFEXITED(status)) {
            g_assert_cmpint(WEXITSTATUS(status), ==, 0);
            return false;
        }
        g_assert_true(WIFSTOPPED(status));
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof(info), &info);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_the_disk(info.entry.nr) && n-- == 0)
            break;
    }
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return true;
}

static void
act_stop(Lab *lab)
{
    RlStop stop;

    if (!rl_volume_stop(lab->pool, V, &alice, &stop, NULL))
        _exit(1);
}

/* Removes the volume with all its files. */
static void
clear(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a");
    g_autofree char *command = g_strdup_printf("rm -r '%s'", dir);

    g_assert_cmpint(system(command), ==, 0);
}

/* Where the stop was over before it was killed, a run on its new clean image has written nothing,
 * which shows where blocks are shared. */
static void
stop_started(Lab *lab)
{
    GError *error = NULL;
    RlStop stop;

    rl_volume_stop(lab->pool, V, &alice, &stop, &error);
    g_assert_no_error(error);
    g_assert_true(stop == RL_STOP_COMMITTED || (lab->reflinks && stop == RL_STOP_UNWRITTEN));
}

static void
test_killed_while_stopping(Lab *lab)
{
    int n = 0;

    for (bool killed = true; killed; n++) {
        prepare(lab);
        killed = kill_before_change(act_stop, lab, n);
        /* Whatever it left, the domain can be started, and nothing is lost or doubled. */
        lab_start(lab, V, &alice);
        image_is(lab, V, RL_FILE_DIRTY, "three");
        stop_started(lab);
        g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
        image_is(lab, V, RL_FILE_CLEAN, "three");
        revision_is(lab, V, "1", "one");
        revision_is(lab, V, "2", "two");
        g_autofree char *dir = lab_path(lab, "a/b"), *files = list(dir);
        g_assert_null(strchr(files, '~'));
        g_assert_nonnull(strstr(files, "private-precache.img"));
        clear(lab);
    }
    g_test_message("killed %d times", n - 1);
    g_assert_cmpint(n, >, 6);
}

/* Then somebody puts another clean image there, as from a backup that lost the attributes. Wherever
 * the commit was cut off, neither image takes the other's place without a question. */
static void
test_killed_and_clean_image_replaced(Lab *lab)
{
    int n = 0, left = 0;

    for (bool killed = true; killed; n++) {
        prepare(lab);
        killed = kill_before_change(act_stop, lab, n);
        if (image_is_there(lab, V, RL_FILE_DIRTY)) {
            g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
            g_assert_cmpint(unlink(clean), ==, 0);
            make_file(clean, "backup");
            set_size(clean, MIB);
            lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
            image_is(lab, V, RL_FILE_CLEAN, "backup");
            image_is(lab, V, RL_FILE_DIRTY, "three");
            left++;
        }
        clear(lab);
    }
    g_assert_cmpint(left, >, 6);
}

static void
act_start(Lab *lab)
{
    if (!rl_volume_start(lab->pool, V, &alice, 0, NULL))
        _exit(1);
}

static void
test_killed_while_starting(Lab *lab)
{
    int n = 0;

    for (bool killed = true; killed; n++) {
        lab_create(lab, V, "one", MIB);
        killed = kill_before_change(act_start, lab, n);
        image_is(lab, V, RL_FILE_CLEAN, "one");
        if (image_is_there(lab, V, RL_FILE_DIRTY))
            image_is(lab, V, RL_FILE_DIRTY, "one");
        lab_start(lab, V, &alice);
        image_is(lab, V, RL_FILE_DIRTY, "one");
        g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);
        clear(lab);
    }
    g_assert_cmpint(n, >, 4);
}

static void
act_replace(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V "@current", &access, NULL);

    if (!draft || pwrite(draft->fd, "six", 4, 0) != 4 || !rl_staged_replace(draft, NULL))
        _exit(1);
}

static void
test_killed_while_replacing(Lab *lab)
{
    int n = 0;

    for (bool killed = true; killed; n++) {
        lab_create(lab, V, "one", MIB);
        lab_run(lab, V, "two");
        killed = kill_before_change(act_replace, lab, n);
        g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *now = read_at(clean, 0, 8);
        lab_run(lab, V, "seven");
        revision_is(lab, V, "1", "one");
        revision_is(lab, V, "2", "two");
        image_is(lab, V, RL_FILE_CLEAN, "seven");
        assert_revisions(lab, V, strcmp(now, "six") == 0 ? "1 2 3" : "1 2");
        clear(lab);
    }
    g_assert_cmpint(n, >, 6);
}

/* An administrator put a copy of revision 1 in the clean image's place, with all that is noted on
 * it: its next number is taken. */
static void
test_a_number_that_is_taken(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *one = revision_path(lab, V, "1");
    int fd = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, 0, NULL));
    close(fd);
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "1 2");

    fd = open(clean, O_RDONLY | O_CLOEXEC);
    set_mtime(clean, look(one).st_mtim.tv_sec, 0);
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, 1, NULL));
    close(fd);
    g_autofree char *two = revision_path(lab, V, "2");
    set_mtime(clean, look(two).st_mtim.tv_sec, 0);
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "1 2 3");
    revision_is(lab, V, "3", "three");
}

/* The last number is never followed by 0, which is none. */
static void
test_no_number_left(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, UINT64_MAX, NULL));
    close(fd);
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "number");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* The name of the next one is taken, and after the newest there is none. */
static void
test_last_number_is_taken(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *first = revision_path(lab, V, "1");
    g_autofree char *last = g_strconcat(clean, ".18446744073709551615@2018-01-02T05:06:07Z", NULL);
    make_file(last, "the last");
    set_mtime(clean, look(first).st_mtim.tv_sec, 0);
    int fd = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, 1, NULL));
    close(fd);
    g_autofree char *taken = rl_file_name_revision("private", 2, look(first).st_mtim.tv_sec);
    g_autofree char *dir = g_path_get_dirname(clean), *path = g_build_filename(dir, taken, NULL);
    make_file(path, "taken");
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "number");
    image_is(lab, V, RL_FILE_CLEAN, "two");
    image_is(lab, V, RL_FILE_DIRTY, "three");
}

ATTEMPT(stop_alice, try_stop(lab, V, &alice, error))

/* The first name is taken, and the second cannot be made. */
static void
test_no_name_at_all(Lab *lab)
{
    Disturbance second = {.nr = SYS_linkat, .first = 2, .count = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    g_autofree char *two = revision_path(lab, V, "2"), *clean = lab_file(lab, V, RL_FILE_CLEAN);
    set_mtime(clean, look(two).st_mtim.tv_sec, 0);
    int fd = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, 1, NULL));
    close(fd);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "four");
    g_assert_false(disturb(lab, &second, stop_alice, &error));
    take_errno(error, EIO, "revision");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

void
add_tests(void)
{
    lab_add("/commit/cut-off-and-stopped-again", test_cut_off_and_stopped_again);
    lab_add("/commit/cut-off-and-started-again", test_cut_off_and_started_again);
    lab_add("/commit/cut-off-and-tidied", test_cut_off_and_tidied);
    lab_add("/commit/cut-off-after-a-shrink", test_cut_off_after_a_shrink);
    lab_add("/commit/resize-knows-the-number-that-was-linked",
            test_resize_knows_the_number_that_was_linked);
    lab_add("/commit/killed-while-stopping", test_killed_while_stopping);
    lab_add("/commit/killed-and-clean-image-replaced", test_killed_and_clean_image_replaced);
    lab_add("/commit/killed-while-starting", test_killed_while_starting);
    lab_add("/commit/killed-while-replacing", test_killed_while_replacing);
    lab_add("/commit/a-number-that-is-taken", test_a_number_that_is_taken);
    lab_add("/commit/no-number-left", test_no_number_left);
    lab_add("/commit/last-number-is-taken", test_last_number_is_taken);
    lab_add("/commit/no-name-at-all", test_no_name_at_all);
}
