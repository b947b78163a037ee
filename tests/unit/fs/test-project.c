/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
#include "common/fs/project-id.h"

#include "common/base/autofd.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/staged-image.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define V "a/b/private"

/* As "xfs_quota -x -c 'project -s -d 0 ...'": the directory alone. */
static void
set_project(const char *path, guint32 id)
{
    rl_autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct fsxattr attributes;

    g_assert_cmpint(ioctl(fd, FS_IOC_FSGETXATTR, &attributes), ==, 0);
    attributes.fsx_projid = id;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    g_assert_cmpint(ioctl(fd, FS_IOC_FSSETXATTR, &attributes), ==, 0);
}

static guint32
project_of(Lab *lab, const char *name, RlFileRole role)
{
    rl_autofd int fd = image_open(lab, name, role, O_RDONLY);
    struct fsxattr attributes;

    g_assert_cmpint(ioctl(fd, FS_IOC_FSGETXATTR, &attributes), ==, 0);
    return attributes.fsx_projid;
}

static void
test_persistent(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b");
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_start(lab, V, &alice); /* made before the directory had an id */
    set_project(dir, 42);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_assert_cmpuint(project_of(lab, V, RL_FILE_CLEAN), ==, 42);
    revision_is(lab, V, "2", "two");
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "1 2 3");
    image_is(lab, V, RL_FILE_CLEAN, "four");

    /* Once more, in the middle of all that makes files. */
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V "@current", &access, &error);
    g_assert_no_error(error);
    set_project(dir, 43);
    g_assert_true(rl_staged_replace(draft, &error));
    g_assert_no_error(error);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
    g_assert_true(rl_volume_maintain(lab->pool, V, true, &error));
    set_project(dir, 44);
    lab_start(lab, V, &alice);
    set_project(dir, 45);
    image_write(lab, V, RL_FILE_DIRTY, "five");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    set_project(dir, 46);
    /* It has the image open that it replaced, which is a revision since. */
    rl_staged_free(g_steal_pointer(&draft));
    g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    g_assert_no_error(error);
    g_assert_false(is_there(dir));
}

static void
test_direct(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "db");

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    set_project(dir, 42);
    lab_start(lab, "db/main", &alice);
    image_write(lab, "db/main", RL_FILE_DIRTY, "two");
    set_project(dir, 43);
    lab_stop(lab, "db/main", &alice, RL_STOP_RETURNED);
    image_is(lab, "db/main", RL_FILE_CLEAN, "two");
    g_assert_cmpuint(project_of(lab, "db/main", RL_FILE_CLEAN), ==, 43);
}

ATTEMPT(start_direct, try_start(lab, "db/main", &alice, error))

/* It changes what a quota counts, and a quota can forbid it: the message says what it is about. */
static void
test_quota(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "db");
    GError *error = NULL;

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    set_project(dir, 42);
    Disturbance quota = {.nr = SYS_ioctl, .first = 3, .count = 1, .code = EDQUOT};
    g_assert_false(disturb(lab, &quota, start_direct, &error));
    take_errno(error, EDQUOT, "project id");
    Disturbance denied = {.nr = SYS_ioctl, .first = 3, .count = 1, .code = EPERM};
    error = NULL;
    g_assert_false(disturb(lab, &denied, start_direct, &error));
    take_errno(error, EXDEV, "project id");
    g_assert_cmpuint(project_of(lab, "db/main", RL_FILE_CLEAN), ==, 0);
    image_is(lab, "db/main", RL_FILE_CLEAN, "one");
    g_assert_true(start_direct(lab, NULL));
}

void
add_tests(void)
{
    lab_add_on("/project/persistent", "xfs", test_persistent);
    lab_add_on("/project/direct", "xfs", test_direct);
    lab_add_on("/project/quota", "xfs", test_quota);
}
