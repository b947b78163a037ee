/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Files of external snapshots under the name of a clean image. */
#include "common/pool/overlay-file.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>

#define V "web/night"

static void
assert_claimed(Lab *lab, const char *name, bool wanted)
{
    GError *error = NULL;
    bool is;

    g_assert_true(rl_overlay_claim(lab->pool, name, &alice, &is, &error));
    g_assert_no_error(error);
    g_assert_cmpint(is, ==, wanted);
}

/* A file that somebody put there, and that nobody of us has seen. */
static void
test_file(Lab *lab)
{
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;

    lab_create(lab, "web/other", "x", MIB);
    assert_claimed(lab, V, false);
    make_file(path, "some other format");
    assert_claimed(lab, V, true);
    assert_claimed(lab, V, true);
    lab_start_fails(lab, V, &bob, RL_ERROR_INVALID, "external snapshot & 'alice'");
    g_assert_false(rl_volume_delete(lab->pool, V, false, &error));
    take_error(error, RL_ERROR_INVALID, "'web/night'");
    g_assert_true(is_there(path));
}

static void
test_volume(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    lab_run(lab, V, "new");
    assert_claimed(lab, V, false);
    lab_start(lab, V, &bob);
    assert_claimed(lab, V, false);
}

/* Who writes to a file that nobody of us has seen may have it for an overlay. */
static void
test_no_id_while_written(Lab *lab)
{
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, "web/other", "x", MIB);
    make_file(path, "some other format");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        lab_start_fails(lab, V, &bob, RL_ERROR_BUSY, "open for writing");
    }
    assert_claimed(lab, V, true);
}

static bool
claim_it(Lab *lab, GError **error)
{
    bool is;

    return rl_overlay_claim(lab->pool, V, &alice, &is, error);
}

static bool
has_mark(Lab *lab)
{
    g_autofree char *mark = NULL;
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);

    g_assert_true(rl_xattr_get(fd, RL_ATTR_OVERLAY, &mark, NULL));
    return mark != NULL;
}

/* A power cut does not take back what libvirt was told: the mark is on disk by then, or it is not
 * there. */
static void
test_durable(Lab *lab)
{
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);
    Disturbance syncs = {.nr = SYS_fsync, .first = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, "web/other", "x", MIB);
    make_file(path, "some other format");
    g_assert_false(disturb(lab, &syncs, claim_it, &error));
    g_assert_cmpint(syncs.made, ==, 1);
    take_errno(error, EIO, "'night.img'");
    g_assert_false(has_mark(lab));
    syncs.code = 0;
    g_assert_true(disturb(lab, &syncs, claim_it, NULL));
    g_assert_cmpint(syncs.made, ==, 1);
    g_assert_true(has_mark(lab));
    /* Once, and not at each start. */
    g_assert_true(disturb(lab, &syncs, claim_it, NULL));
    g_assert_cmpint(syncs.made, ==, 0);
}

void
add_tests(void)
{
    lab_add("/overlay/file", test_file);
    lab_add("/overlay/volume", test_volume);
    lab_add("/overlay/no-id-while-written", test_no_id_while_written);
    lab_add("/overlay/durable", test_durable);
}
