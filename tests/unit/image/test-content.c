/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What stands for a volume when it is cloned, named or downloaded. */
#include "common/image/content.h"

#include "common/base/autofd.h"
#include "common/format/image-overlays.h"
#include "common/operation/save.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define V "a/b/private"
#define DIRECT "a/b/direct"

static void
assert_whole(Lab *lab, const char *name)
{
    GError *error = NULL;

    g_assert_true(rl_content_require_whole(lab->pool, name, &error));
    g_assert_no_error(error);
}

static void
assert_below(Lab *lab, const char *domain)
{
    GError *error = NULL;

    g_assert_false(rl_content_require_whole(lab->pool, V, &error));
    take_error(error, RL_ERROR_STATE, domain);
}

static void
note_overlay(Lab *lab, const RlDomainRef *owner)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(rl_overlays_add(fd, owner, NULL));
}

static void
test_below_what_is_noted(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    assert_whole(lab, V);
    lab_start(lab, V, &alice);
    assert_whole(lab, V);
    note_overlay(lab, &bob);
    assert_below(lab, "external snapshot & 'bob'");
    /* A domain that has it as its disk has merged them. */
    rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    assert_whole(lab, V);
    rl_fd_close(&writer);
    assert_below(lab, "external snapshot & 'bob'");
    /* No revision is its dirty image. */
    assert_whole(lab, V "@label");
}

static char *
find_carol(const char *image, bool directly, const char *except)
{
    (void) except;
    return !directly && strstr(image, "private-dirty.img") ? g_strdup("carol") : NULL;
}

/* What no hook was told of; but whose overlay was let go of has no run. */
static void
test_below_what_libvirt_says(Lab *lab)
{
    RlDocuments documents = *lab->pool->documents;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    documents.find_domain = find_carol;
    lab->pool->documents = &documents;
    assert_below(lab, "external snapshot & 'carol'");
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
    assert_whole(lab, V);
}

static void
test_bad_names(Lab *lab)
{
    static const struct {
        const char *name, *words;
        int code;
    } names[] = {
        {"a//b", "a//b", RL_ERROR_NAME},
        {"a/b/none", "'a/b/none'", RL_ERROR_NOT_FOUND},
        {V "@7", "revision", RL_ERROR_NOT_FOUND},
        {"none/none@7", "revision", RL_ERROR_NOT_FOUND},
        {V "@current", "'a/b/private'", RL_ERROR_INVALID},
    };
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_false(rl_content_require_whole(lab->pool, "a//b", &error));
    take_error(error, RL_ERROR_NAME, "a//b");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        error = NULL;
        g_assert_null(rl_content_path(lab->pool, names[i].name, false, &error));
        take_error(error, names[i].code, names[i].words);
    }
    g_autofree char *path = rl_content_path(lab->pool, V, false, NULL);
    g_assert_cmpstr(path, ==, "a/b/private.img");
}

static void
no_content(Lab *lab, const char *name, int code, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_content_path(lab->pool, name, false, &error));
    take_error(error, code, words);
}

static void
test_kinds_without_content(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/snapshot", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "a/volatile", RL_KIND_VOLATILE, NULL, NULL, MIB);
    no_content(lab, "a/snapshot", RL_ERROR_UNSUPPORTED, "'" V "'");
    no_content(lab, "a/volatile", RL_ERROR_UNSUPPORTED, "'a/volatile'");
}

/* The only image of a direct volume is dirty: the error says what makes it clean again. */
static void
test_direct_that_is_not_at_rest(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, DIRECT, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, DIRECT, RL_FILE_DIRTY);
    GError *error = NULL;
    bool done;

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
    no_content(lab, DIRECT, RL_ERROR_STATE, "running");
    lab_crash(lab, DIRECT);
    no_content(lab, DIRECT, RL_ERROR_STATE, "left");
    lab_start(lab, DIRECT, &alice);
    g_assert_true(rl_volume_save(lab->pool, DIRECT, &alice, &done, &error));
    g_assert_no_error(error);
    no_content(lab, DIRECT, RL_ERROR_STATE, "saved");
    g_assert_cmpint(unlink(dirty), ==, 0);
    make_file(dirty, "whose?");
    no_content(lab, DIRECT, RL_ERROR_STATE, "no attributes of the pool");
    g_assert_false(is_there(clean));
}

/* It is committed between the look at the volume and the look at its image: it is whole then. */
static int
stop_it(Lab *lab)
{
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    return 0;
}

ATTEMPT(is_whole, rl_content_require_whole(lab->pool, V, error))

static void
test_committed_just_now(Lab *lab)
{
    Disturbance disturbance = {.nr = SYS_openat, .first = 2, .count = 1, .before = stop_it};
    Disturbance broken = {.nr = SYS_openat, .first = 2, .count = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_false(disturb(lab, &broken, is_whole, &error));
    take_errno(error, EIO, "private-dirty.img");
    error = NULL;
    g_assert_true(disturb(lab, &disturbance, is_whole, &error));
    g_assert_no_error(error);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

void
add_tests(void)
{
    lab_add("/content/below-what-is-noted", test_below_what_is_noted);
    lab_add("/content/below-what-libvirt-says", test_below_what_libvirt_says);
    lab_add("/content/bad-names", test_bad_names);
    lab_add("/content/kinds-without-content", test_kinds_without_content);
    lab_add("/content/direct-that-is-not-at-rest", test_direct_that_is_not_at_rest);
    lab_add("/content/committed-just-now", test_committed_just_now);
}
