/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What is deleted while somebody has it open. */
#include "common/pool/left-name.h"

#include "common/base/paths.h"
#include "common/operation/delete.h"
#include "common/operation/resize.h"
#include "harness/disturb.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define V "a/b/private"
#define W "a/b/other"
#define NOTES RL_LOCK_DIR "/left"

static bool
is_since(Lab *lab, const char *name, gint64 us)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, NULL);

    g_assert_nonnull(volume);
    return rl_left_name_is_since(volume, us);
}

static int
open_clean(Lab *lab, const char *name)
{
    g_autofree char *path = lab_file(lab, name, RL_FILE_CLEAN);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void delete (Lab *lab, const char *name)
{
    GError *error = NULL;

    g_assert_true(rl_volume_delete(lab->pool, name, 0, &error));
    g_assert_no_error(error);
}

ATTEMPT(delete_it, rl_volume_delete(lab->pool, V, 0, error))

static void
test_deleted(Lab *lab)
{
    gint64 before = g_get_real_time();

    lab_create(lab, V, "one", MIB);
    delete (lab, V);
    g_assert_false(is_since(lab, V, before));

    lab_create(lab, V, "two", MIB);
    int reader = open_clean(lab, V);
    delete (lab, V);
    g_assert_true(is_since(lab, V, before));
    g_assert_false(is_since(lab, W, before));
    g_assert_false(is_since(lab, V, g_get_real_time() + 1));
    close(reader);
    /* Whoever has the name next. */
    lab_create(lab, V, "three", MIB);
    g_assert_true(is_since(lab, V, before));
}

/* No revision has the image that was replaced, and so no number tells. */
static void
test_resized(Lab *lab)
{
    gint64 before = g_get_real_time();
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_false(is_since(lab, V, before));
    int reader = open_clean(lab, V);
    g_assert_true(rl_volume_resize(lab->pool, V, MIB, false, &error));
    g_assert_no_error(error);
    g_assert_true(is_since(lab, V, before));
    close(reader);
}

/* Where /run has no room, the date of an empty file tells. */
static void
test_no_room(Lab *lab)
{
    Disturbance no_room = {.nr = SYS_write, .also = SYS_pwrite64, .first = 1, .code = ENOSPC};
    gint64 before = g_get_real_time();
    GError *error = NULL;

    for (int i = 0; i < 2; i++) {
        lab_create(lab, V, "one", MIB);
        int reader = open_clean(lab, V);
        g_assert_true(disturb(lab, &no_room, delete_it, &error));
        g_assert_no_error(error);
        close(reader);
        g_assert_true(is_since(lab, V, before));
        g_assert_false(is_since(lab, V, g_get_real_time() + 3 * G_USEC_PER_SEC));
    }
}

/* Where there is no room for a file either, the image stays. */
static void
test_no_file(Lab *lab)
{
    gint64 before = g_get_real_time();
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    int reader = open_clean(lab, V);
    (void) !rename(NOTES, NOTES ".was");
    g_assert_true(g_file_set_contents(NOTES, "", 0, NULL));
    g_assert_false(delete_it(lab, &error));
    take_errno(error, ENOTDIR, "'" V "' & /run");
    error = NULL;
    g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    take_errno(error, ENOTDIR, "'" V "' & /run");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    close(reader);
    delete (lab, V);
    g_assert_cmpint(unlink(NOTES), ==, 0);
    g_assert_false(is_since(lab, V, before));
}

/* What cannot be read counts. */
static void
test_no_notes(Lab *lab)
{
    gint64 before = g_get_real_time();

    g_assert_false(is_since(lab, V, before));
    g_assert_cmpint(symlink("/", NOTES), ==, 0);
    lab_create(lab, V, "one", MIB);
    g_assert_true(is_since(lab, V, before));
    g_assert_cmpint(unlink(NOTES), ==, 0);
    g_assert_false(is_since(lab, V, before));
}

void
add_tests(void)
{
    lab_add("/left-name/no-notes", test_no_notes);
    lab_add("/left-name/deleted", test_deleted);
    lab_add("/left-name/resized", test_resized);
    lab_add("/left-name/no-room", test_no_room);
    lab_add("/left-name/no-file", test_no_file);
}
