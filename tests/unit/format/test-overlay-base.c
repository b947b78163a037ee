/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What is noted on an overlay of the image at rest below it. */
#include "common/format/overlay-base.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "harness/disturb.h"

#include <errno.h>

#define ID "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define V "web/data"

static int overlay = -1;

static void
set_up(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "overlay");

    make_file(path, "some other format");
    overlay = lab_open(lab, "overlay", 0);
}

static bool
note(Lab *lab, GError **error)
{
    const struct stat st = {.st_size = 4096, .st_mtim = {1, 2}};
    g_auto(RlOverlayBase) noted = {0};

    (void) lab;
    return rl_overlay_base_get(overlay, &noted, error) &&
           rl_overlay_base_set(overlay, &noted, ID, V, &st, error);
}

static bool
look_at_it(Lab *lab, GError **error)
{
    g_auto(RlOverlayBase) noted = {0};

    (void) lab;
    return rl_overlay_base_get(overlay, &noted, error);
}

static void
assert_noted(const char *id, const char *volume, bool dated)
{
    g_auto(RlOverlayBase) noted = {0};

    g_assert_true(rl_overlay_base_get(overlay, &noted, NULL));
    g_assert_cmpstr(noted.state.id, ==, id);
    g_assert_cmpstr(noted.volume, ==, volume);
    g_assert_cmpint(noted.state.date != NULL, ==, dated);
}

/* It is written once, and says what it was told. */
static void
test_noted(Lab *lab)
{
    const struct stat later = {.st_size = 4096, .st_mtim = {3, 4}};
    Disturbance writes = {.nr = SYS_fsetxattr, .first = 1};
    g_auto(RlOverlayBase) noted = {0};

    set_up(lab);
    assert_noted(NULL, NULL, false);
    g_assert_true(disturb(lab, &writes, note, NULL));
    g_assert_cmpint(writes.made, ==, 2);
    assert_noted(ID, V, true);
    g_assert_true(disturb(lab, &writes, note, NULL));
    g_assert_cmpint(writes.made, ==, 0);

    g_assert_true(rl_overlay_base_get(overlay, &noted, NULL));
    g_assert_true(rl_overlay_base_set(overlay, &noted, ID, "web/renamed", &later, NULL));
    assert_noted(ID, "web/renamed", true);
    g_auto(RlOverlayBase) renamed = {0};
    g_assert_true(rl_overlay_base_get(overlay, &renamed, NULL));
    g_assert_cmpstr(renamed.state.date, !=, noted.state.date);
    g_assert_true(rl_overlay_base_set(overlay, &renamed, OTHER, V, &later, NULL));
    assert_noted(OTHER, V, true);
    g_assert_true(rl_xattr_remove(overlay, RL_ATTR_ON, NULL));
    g_assert_true(rl_overlay_base_set_dirty(overlay, V, NULL));
    assert_noted("dirty", V, false);
    rl_fd_close(&overlay);
}

/* Of an earlier version, of a note that was cut off, and of nobody of us. */
static void
test_other_notes(Lab *lab)
{
    static const char *const damaged[] = {"", (" " V), ID};

    set_up(lab);
    g_assert_true(rl_xattr_set(overlay, RL_ATTR_ON, ID " " V, NULL));
    assert_noted(ID, V, false);
    g_assert_true(rl_xattr_set(overlay, RL_ATTR_ON_DATE, OTHER " 1 2", NULL));
    assert_noted(ID, V, false);
    g_assert_true(rl_xattr_set(overlay, RL_ATTR_ON_DATE, ID, NULL));
    assert_noted(ID, V, false);
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_assert_true(rl_xattr_set(overlay, RL_ATTR_ON, damaged[i], NULL));
        assert_noted(NULL, NULL, false);
    }
    rl_fd_close(&overlay);
}

/* What cannot be read or written is said. */
static void
test_calls_fail(Lab *lab)
{
    set_up(lab);
    for (int n = 1; n <= 2; n++) {
        Disturbance reads = {.nr = SYS_fgetxattr, .first = n, .count = 1, .code = EIO};
        Disturbance writes = {.nr = SYS_fsetxattr, .first = n, .count = 1, .code = ENOSPC};
        GError *error = NULL;

        g_assert_false(disturb(lab, &reads, look_at_it, &error));
        take_errno(error, EIO, "");
        error = NULL;
        g_assert_false(disturb(lab, &writes, note, &error));
        take_errno(error, ENOSPC, "");
        g_assert_true(rl_xattr_remove(overlay, RL_ATTR_ON, NULL));
    }
    rl_fd_close(&overlay);
}

void
add_tests(void)
{
    lab_add("/overlay-base/noted", test_noted);
    lab_add("/overlay-base/other-notes", test_other_notes);
    lab_add_on("/overlay-base/calls-fail", "xfs", test_calls_fail);
}
