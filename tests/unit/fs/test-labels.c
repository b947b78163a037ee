/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What libvirt notes of an image's owner. */
#include "harness/disturb.h"

#include "common/base/autofd.h"
#include "common/fs/security-labels.h"

#include <errno.h>
#include <sys/xattr.h>

static int target = -1;

/* What libvirt noted cannot be taken away, or not even listed: that is no reason to end nothing. */
static bool
forget_labels(Lab *lab, GError **error)
{
    (void) lab;
    (void) error;
    rl_security_labels_forget(target);
    return true;
}

static void
test_labels_that_stay(Lab *lab)
{
    g_autofree char *other = lab_path(lab, "other");
    const char *name = "trusted.libvirt.security.dac";
    Disturbance removal = {.nr = SYS_fremovexattr, .first = 1, .code = EIO};
    Disturbance listing = {.nr = SYS_flistxattr, .first = 1, .code = E2BIG};

    target = lab_open(lab, "other", 0);
    g_assert_cmpint(setxattr(other, name, "+0:+0", 5, 0), ==, 0);
    g_assert_true(disturb(lab, &removal, forget_labels, NULL));
    g_assert_cmpint(getxattr(other, name, NULL, 0), ==, 5);
    g_assert_true(disturb(lab, &listing, forget_labels, NULL));
    g_assert_cmpint(getxattr(other, name, NULL, 0), ==, -1);
    rl_fd_close(&target);
}

void
add_tests(void)
{
    lab_add("/labels/that-stay", test_labels_that_stay);
}
