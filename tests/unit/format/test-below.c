/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* The domains whose overlays lie on an image, as they are noted on it. */
#include "common/format/image-overlays.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"

#include <fcntl.h>

static int
new_image(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "image");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void
assert_other(int fd, const RlDomainRef *owner, const char *wanted)
{
    g_autofree char *name = NULL;
    GError *error = NULL;

    g_assert_true(rl_overlays_other(fd, owner, &name, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, wanted);
}

static void
test_noted(Lab *lab)
{
    rl_autofd int fd = new_image(lab);

    assert_other(fd, &alice, NULL);
    g_assert_true(rl_overlays_add(fd, &alice, NULL));
    assert_other(fd, &alice, NULL);
    assert_other(fd, &bob, "alice");
    g_assert_true(rl_overlays_add(fd, &bob, NULL));
    assert_other(fd, &alice, "bob");
    g_assert_true(rl_overlays_clear(fd, NULL));
    assert_other(fd, &bob, NULL);
}

/* More domains than fit are not noted, and those that are go on protecting them all. */
static void
test_very_many(Lab *lab)
{
    rl_autofd int fd = new_image(lab);
    g_autofree char *before = NULL, *after = NULL;
    const RlDomainRef late = {.driver = "qemu", .uuid = "the-last-one", .name = "late"};

    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("domain-%d", i);
        const RlDomainRef owner = {.driver = "qemu", .uuid = name, .name = name};
        g_assert_true(rl_overlays_add(fd, &owner, NULL));
    }
    g_assert_true(rl_xattr_get(fd, RL_ATTR_BELOW, &before, NULL));
    g_assert_true(rl_overlays_add(fd, &late, NULL));
    g_assert_true(rl_xattr_get(fd, RL_ATTR_BELOW, &after, NULL));
    g_assert_cmpstr(after, ==, before);
    assert_other(fd, &late, "domain-0");
}

/* What nobody of us wrote is somebody's all the same; an empty line is nobody's. */
static void
test_damage_is_read_carefully(Lab *lab)
{
    rl_autofd int fd = new_image(lab);

    g_assert_true(rl_xattr_set(fd, RL_ATTR_BELOW, "nonsense", NULL));
    assert_other(fd, &alice, "unknown");
    g_assert_true(rl_xattr_set(fd, RL_ATTR_BELOW, "\n\n", NULL));
    assert_other(fd, &alice, NULL);
}

void
add_tests(void)
{
    lab_add("/below/noted", test_noted);
    lab_add_on("/below/very-many", "xfs btrfs", test_very_many);
    lab_add("/below/damage-is-read-carefully", test_damage_is_read_carefully);
}
