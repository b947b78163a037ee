/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Whether one image fits a domain's memory, asked of that image alone; the whole restores are in
 * test-fits.c. */
#include "common/image/restore-fit.h"

#include "common/base/autofd.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define V "a/b/private"
#define SECONDS(n) ((gint64) (n) *G_USEC_PER_SEC)

static const RlMemory monday = {.digest = (char *) "aaaa", .save = (char *) "monday-id"},
                      tuesday = {.digest = (char *) "bbbb", .save = (char *) "tuesday-id"};

static RlDomainRef
alice_with(const RlMemory *memory)
{
    RlDomainRef owner = alice;

    owner.memory = memory;
    return owner;
}

static void
save(Lab *lab, const RlMemory *memory)
{
    RlDomainRef owner = alice_with(memory);
    bool done = false;

    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_save(lab->pool, V, &owner, &done, NULL));
    g_assert_true(done);
}

static void
remove_attr(Lab *lab, const char *key)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(rl_xattr_remove(fd, key, NULL));
}

/* What is asked of one image that is open already. */
static RlDirtyImage opened;
static RlDomainRef asks;

ATTEMPT(fits, rl_fits_require(&opened, &asks, error))
ATTEMPT(fits_shared, rl_fits_require_shared(&opened, &asks, error))
ATTEMPT(fits_at_rest,
        rl_fits_require_at_rest(opened.volume, opened.volume->clean_file, opened.fd, &asks, error))

/* Opens the dirty image of @volume for these, and forgets the one before. */
static void
open_for(const RlVolume *volume, const RlMemory *memory)
{
    rl_dirty_image_close(&opened);
    g_assert_true(rl_dirty_image_open(volume, &opened, NULL));
    asks = alice_with(memory);
}

/* The end of its run was cut off when the run was off the image, and not yet marked: it is as it
 * was at its save. With the run of another boot its date is no proof. */
static void
test_without_a_run(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    save(lab, &monday);
    remove_attr(lab, RL_ATTR_HOLD);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    lab_crash(lab, V);
    open_for(volume, &monday);
    g_assert_false(fits(lab, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "run on");
    remove_attr(lab, RL_ATTR_RUN);
    open_for(volume, &monday);
    g_assert_true(fits(lab, NULL));
    asks = alice_with(&tuesday);
    g_assert_false(fits(lab, &error));
    take_error(error, RL_ERROR_STATE, "another save");
    rl_dirty_image_close(&opened);
}

/* What cannot be looked at is not taken for what fits. */
static void
test_calls_fail(Lab *lab)
{
    Disturbance look_up = {.nr = SYS_newfstatat, .also = SYS_fstat, .first = 1, .code = EIO};
    const RlMemory now = {.date_us = g_get_real_time() + SECONDS(60)};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    save(lab, &monday);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    open_for(volume, &monday);
    g_assert_true(fits(lab, NULL));
    g_assert_false(disturb(lab, &look_up, fits, &error));
    take_errno(g_steal_pointer(&error), EIO, "'" V "'");
    fails_without(lab, SYS_fgetxattr, fits);
    open_for(volume, &now);
    g_assert_false(disturb(lab, &look_up, fits_at_rest, &error));
    take_errno(g_steal_pointer(&error), EIO, "'" V "'");
    fails_without(lab, SYS_fgetxattr, fits_at_rest);
    rl_dirty_image_close(&opened);
}

/* What others read meanwhile: it may have begun after the save, but no image that is older than
 * that has another content since. */
static void
test_shared(Lab *lab)
{
    Disturbance births = {.nr = SYS_statx, .first = 1, .count = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_usleep(20 * 1000);
    const RlMemory before = {.date_us = g_get_real_time()};
    g_usleep(20 * 1000);
    rl_started_free(lab_start_with(lab, V, &bob, RL_START_READONLY));
    g_usleep(20 * 1000);
    const RlMemory after = {.date_us = g_get_real_time()},
                   of_boot = {.save = (char *) "id", .save_us = G_MAXINT64 / 4}, nothing = {0};
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);

    open_for(volume, NULL);
    g_assert_true(fits_shared(lab, NULL));
    open_for(volume, &nothing);
    g_assert_true(fits_shared(lab, NULL));
    open_for(volume, &of_boot);
    g_assert_true(fits_shared(lab, NULL));
    open_for(volume, &after);
    g_assert_true(fits_shared(lab, NULL));
    /* It was made from a clean image that is older than the save, also where its own birth cannot
     * be told. */
    open_for(volume, &before);
    g_assert_true(fits_shared(lab, NULL));
    g_assert_true(disturb(lab, &births, fits_shared, NULL));
    /* Of a run of another boot it is not known when that began, but when its image was made. */
    lab_crash(lab, V);
    open_for(volume, &after);
    g_assert_true(fits_shared(lab, NULL));
    remove_attr(lab, RL_ATTR_BASE);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(unlink(clean), ==, 0);
    open_for(volume, &before);
    g_assert_false(fits_shared(lab, &error));
    take_error(error, RL_ERROR_STATE, "only reads & changed after");
    rl_dirty_image_close(&opened);
}

/* A direct volume's image is the clean one: others may have written to it before. */
static void
test_shared_direct(Lab *lab)
{
    const RlMemory before = {.date_us = 1000};
    GError *error = NULL;

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, "db/main", &bob);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, "db/main", NULL);
    open_for(volume, &before);
    g_assert_false(fits_shared(lab, &error));
    take_error(error, RL_ERROR_STATE, "'db/main' & only reads");
    rl_dirty_image_close(&opened);
}

/* Of which a reader is about to get an image of its own. */
static void
test_clean(Lab *lab)
{
    const RlMemory before = {.date_us = 1000}, after = {.date_us = g_get_real_time() * 2};
    RlDomainRef none = alice_with(NULL), old = alice_with(&before), young = alice_with(&after);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    struct stat st = look(clean);
    g_assert_true(rl_fits_require_clean(volume, &st, &none, NULL));
    g_assert_true(rl_fits_require_clean(volume, &st, &young, NULL));
    g_assert_false(rl_fits_require_clean(volume, &st, &old, &error));
    take_error(error, RL_ERROR_STATE, "only reads & changed after");
}

/* Where no birth can be told, the rest decides. */
static void
test_without_birth(Lab *lab)
{
    Disturbance births = {.nr = SYS_statx, .first = 1, .code = EIO};
    const RlMemory now = {.date_us = g_get_real_time() + SECONDS(60)};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    open_for(volume, &now);
    g_assert_true(fits_at_rest(lab, NULL));
    g_assert_true(disturb(lab, &births, fits_at_rest, NULL));
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    set_mtime(dirty, (time_t) (now.date_us / G_USEC_PER_SEC) + 60, 0);
    g_assert_false(disturb(lab, &births, fits_at_rest, &error));
    take_error(error, RL_ERROR_STATE, "only reads & changed after");
    rl_dirty_image_close(&opened);
}

void
add_tests(void)
{
    lab_add("/fits-alone/without-a-run", test_without_a_run);
    lab_add("/fits-alone/calls-fail", test_calls_fail);
    lab_add("/fits-alone/shared", test_shared);
    lab_add("/fits-alone/shared-direct", test_shared_direct);
    lab_add("/fits-alone/clean", test_clean);
    lab_add("/fits-alone/without-birth", test_without_birth);
}
