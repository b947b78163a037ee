/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What was to be read only and was written to is not dropped: neither by a start nor by a stop. */
#include "common/image/only-read.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "harness/lab.h"

#define V "web/iso"
#define WRITTEN "written to, though its domain only reads it"

static void
read_only(Lab *lab, const RlDomainRef *owner)
{
    rl_started_free(lab_start_with(lab, V, owner, RL_START_READONLY));
}

/* The host went down while a domain read it, and @text was written to it since, if not NULL. */
static void
leave(Lab *lab, const char *text)
{
    lab_create(lab, V, "one", MIB);
    read_only(lab, &alice);
    lab_crash(lab, V);
    if (text)
        image_write(lab, V, RL_FILE_DIRTY, text);
}

static void
test_start(Lab *lab)
{
    GError *error = NULL;

    leave(lab, "two");
    for (int i = 0; i < 2; i++) {
        lab_start_fails(lab, V, &bob, RL_ERROR_STATE, WRITTEN);
        lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'virt-reflink continue'");
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
        image_is(lab, V, RL_FILE_DIRTY, "two");
    }
    lab_stop(lab, V, NULL, RL_STOP_HELD);
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    g_assert_no_error(error);
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_discard(Lab *lab)
{
    leave(lab, "two");
    g_assert_null(rl_volume_start(lab->pool, V, &bob, RL_START_READONLY, NULL));
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    read_only(lab, &bob);
    lab_stop(lab, V, &bob, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* What nobody wrote to goes as ever, also where the clean image is another by then. */
static void
test_unwritten(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    leave(lab, NULL);
    lab_start(lab, V, &bob);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    g_assert_false(run->continued);
    lab_stop(lab, V, &bob, RL_STOP_UNWRITTEN);
    read_only(lab, &alice);
    write_at(clean, 0, "new");
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "new");
}

static void
test_stop(Lab *lab)
{
    leave(lab, "two");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'virt-reflink discard'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* What is kept has no run: it stays kept until a person decides. */
static void
test_kept(Lab *lab)
{
    bool done;

    leave(lab, NULL);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    for (int i = 0; i < 2; i++)
        lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, WRITTEN);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* A date that is put back, or cut, hides nothing where blocks can be compared. What was written as
 * it was before is no write. */
static void
test_in_doubt(Lab *lab)
{
    const char *const texts[] = {NULL, "one", "two"};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    time_t then = time(NULL) - 3600;

    lab_create(lab, V, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        set_mtime(clean, then, 0);
        read_only(lab, &alice);
        if (texts[i])
            image_write(lab, V, RL_FILE_DIRTY, texts[i]);
        set_mtime(dirty, then, 0);
        if (i < 2 || !lab->reflinks)
            lab_stop(lab, V, &alice, RL_STOP_DROPPED);
        else
            lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
    }
}

/* The version before noted the id of the clean image alone. */
static void
test_older_version(Lab *lab)
{
    for (int written = 0; written < 2; written++) {
        if (!written)
            leave(lab, NULL);
        else
            read_only(lab, &alice);
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_xattr_remove(fd, RL_ATTR_BASE_DATE, NULL));
        rl_fd_close(&fd);
        if (written)
            image_write(lab, V, RL_FILE_DIRTY, "two");
        if (written)
            lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
        else
            lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    }
}

static void
test_size(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    leave(lab, NULL);
    struct stat before = look(dirty);
    set_size(dirty, 2 * MIB);
    set_mtime(dirty, before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, WRITTEN);
}

void
add_tests(void)
{
    lab_add("/only-read/start", test_start);
    lab_add("/only-read/discard", test_discard);
    lab_add("/only-read/unwritten", test_unwritten);
    lab_add("/only-read/stop", test_stop);
    lab_add("/only-read/kept", test_kept);
    lab_add("/only-read/in-doubt", test_in_doubt);
    lab_add("/only-read/older-version", test_older_version);
    lab_add("/only-read/size", test_size);
}
