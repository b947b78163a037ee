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

static void
assert_noted(int fd, const char *wanted)
{
    g_autofree char *text = NULL;

    g_assert_true(rl_overlays_get(fd, &text, NULL));
    g_assert_cmpstr(text, ==, wanted);
}

/* The first is what rl_overlays_find_other() names; nothing is left of the last, nor of nothing. */
static void
test_remove_first(Lab *lab)
{
    static const char *const texts[] = {"qemu 1 a\nqemu 2 b c\nlibxl 3 d", "qemu 2 b c\nlibxl 3 d",
                                        "libxl 3 d", NULL};
    rl_autofd int fd = new_image(lab);

    g_assert_true(rl_xattr_set(fd, RL_ATTR_BELOW, texts[0], NULL));
    for (size_t i = 0; texts[i]; i++) {
        g_assert_true(rl_overlays_remove_first(fd, texts[i], NULL));
        assert_noted(fd, texts[i + 1]);
    }
    g_assert_true(rl_overlays_remove_first(fd, NULL, NULL));
    assert_noted(fd, NULL);
    /* A damaged line is one as well. */
    g_assert_true(rl_overlays_remove_first(fd, "\n\nnonsense\n\nqemu 1 a", NULL));
    assert_noted(fd, "qemu 1 a");
    g_assert_true(rl_overlays_remove_first(fd, "nonsense\n", NULL));
    assert_noted(fd, NULL);
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
    lab_add("/below/remove-first", test_remove_first);
    lab_add_on("/below/very-many", "xfs btrfs", test_very_many);
    lab_add("/below/damage-is-read-carefully", test_damage_is_read_carefully);
}
