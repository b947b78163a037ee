/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Somebody opens the dirty image for writing while a stop writes its data to the disk: what is
 * written then would change the clean image. */
#include "common/operation/stop.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define V "a/b/private"
#define DIRECT "db/main"

/* The image whose fsync(2) is waited for, the number of times it is still to come before somebody
 * opens the image at @path, and who that is. */
static struct {
    ino_t inode;
    int countdown;
    const char *path;
    int writer;
} late;

/* In place of libc's, for the engine too. */
int
fsync(int fd)
{
    struct stat st;

    if (late.countdown > 0 && fstat(fd, &st) == 0 && st.st_ino == late.inode &&
        --late.countdown == 0) {
        late.writer = open(late.path, O_RDWR | O_CLOEXEC);
        g_assert_cmpint(late.writer, >=, 0);
    }
    return (int) syscall(SYS_fsync, fd);
}

/* A stop of @name that fails for a writer who came with the fsync number @number. The first is made
 * before the volume is locked, the second when the image is nearly a clean one. */
static void
stop_fails_for_late_writer(Lab *lab, const char *name, int number)
{
    g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY);

    late.inode = image_inode(lab, name, RL_FILE_DIRTY);
    late.path = dirty;
    late.countdown = number;
    late.writer = -1;
    lab_stop_fails(lab, name, &alice, RL_ERROR_BUSY, "dirty image open");
    g_assert_cmpint(late.writer, >=, 0);
}

/* It is still alice's, as it was @before. The late writer writes, and goes. */
static void
is_as_before(Lab *lab, const char *name, const RlImageOwner *before)
{
    g_autoptr(RlImageOwner) after = lab_run_of(lab, name);

    g_assert_true(rl_image_owner_is_of(after, &alice));
    g_assert_cmpint(after->since_us, ==, before->since_us);
    g_assert_cmpint(pwrite(late.writer, "six", 3, 0), ==, 3);
    lab_start_fails(lab, name, &bob, RL_ERROR_BUSY, "'alice'");
    rl_fd_close(&late.writer);
}

static void
test_end_is_tried_again(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_autoptr(RlImageOwner) before = lab_run_of(lab, V);
    for (int number = 1; number <= 2; number++) {
        stop_fails_for_late_writer(lab, V, number);
        image_is(lab, V, RL_FILE_CLEAN, "one");
        assert_revisions(lab, V, "");
        is_as_before(lab, V, before);
    }
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "six");
    assert_revisions(lab, V, "1");
}

static void
test_end_of_direct_is_tried_again(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
    g_autoptr(RlImageOwner) before = lab_run_of(lab, DIRECT);
    for (int number = 1; number <= 2; number++) {
        stop_fails_for_late_writer(lab, DIRECT, number);
        g_assert_false(image_is_there(lab, DIRECT, RL_FILE_CLEAN));
        is_as_before(lab, DIRECT, before);
    }
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    image_is(lab, DIRECT, RL_FILE_CLEAN, "six");
}

void
add_tests(void)
{
    lab_add("/late-writer/end-is-tried-again", test_end_is_tried_again);
    lab_add("/late-writer/end-of-direct-is-tried-again", test_end_of_direct_is_tried_again);
}
