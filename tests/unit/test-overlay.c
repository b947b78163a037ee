/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Files of external snapshots under the name of a clean image. */
#include "common/pool/overlay-file.h"

#include "common/base/autofd.h"
#include "common/operation/delete.h"
#include "testing.h"

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
    lab_start_fails(lab, V, &bob, RL_ERROR_INVALID, "external snapshot of domain 'alice'");
    g_assert_false(rl_volume_delete(lab->pool, V, false, &error));
    take_error(error, RL_ERROR_INVALID, "'web/night' is no volume");
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

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    lab_add("/overlay/file", test_file);
    lab_add("/overlay/volume", test_volume);
    lab_add("/overlay/no-id-while-written", test_no_id_while_written);
    return g_test_run();
}
