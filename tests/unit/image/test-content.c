/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What stands for a volume when it is cloned, named or downloaded. */
#include "common/image/content.h"

#include "common/base/autofd.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/format/image-overlays.h"
#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "common/operation/save.h"
#include "harness/disturb.h"
#include "harness/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
find_carol(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) except, (void) let_go;
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

/* Of two histories that an administrator has put together none is taken for the other. */
static void
test_two_of_one_number(Lab *lab)
{
    g_autofree char *twin = lab_path(lab, "a/b/private.img.1@2018-01-02T03:04:05Z");
    g_autofree char *label = lab_path(lab, "a/b/private.img@other");
    g_autoptr(RlName) name = rl_name_parse(V "@1", NULL);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    g_autofree char *own = rl_content_path(lab->pool, V "@1", false, NULL);
    make_file(twin, "other");
    g_autofree char *before = list_tree(lab->path);
    g_assert_null(rl_content_path(lab->pool, V "@1", false, &error));
    take_error(error, RL_ERROR_STATE, "'" V "@1' & 'private.img.1@2018-01-02T03:04:05Z' & LABEL");
    error = NULL;
    g_assert_false(rl_revision_delete(lab->pool, name, &error));
    take_error(error, RL_ERROR_STATE, "'" V "@1' & 'private.img.1@2018-01-02T03:04:05Z'");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
    /* The way out that the message names. */
    g_assert_cmpint(rename(twin, label), ==, 0);
    g_autofree char *path = rl_content_path(lab->pool, V "@1", false, NULL);
    g_assert_cmpstr(path, ==, own);
    g_autofree char *other = rl_content_path(lab->pool, V "@other", false, NULL);
    g_assert_cmpstr(other, ==, "a/b/private.img@other");
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

/* The state that the named revision @label is noted to be made from, owned by the caller. */
static char *
source_of(Lab *lab, const char *label)
{
    g_autofree char *inside = g_strdup_printf("a/b/private.img@%s", label);
    g_autofree char *path = lab_path(lab, inside), *id = NULL;
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_true(rl_xattr_get(fd, RL_ATTR_COPY_OF, &id, NULL));
    return g_steal_pointer(&id);
}

/* It is noted if that was a state at rest. */
static void
test_source_of_label(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_autofree char *id = NULL;
    g_assert_true(rl_image_id_ensure(fd, &id, NULL));
    staged_label(lab, V, "rest");
    g_autofree char *of_rest = source_of(lab, "rest");
    g_assert_cmpstr(of_rest, ==, id);

    lab_start(lab, V, &alice);
    g_autofree char *path = lab_file(lab, V, RL_FILE_DIRTY);
    g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@live");
    rl_autofd int from = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_set(from, RL_ATTR_ID, id, NULL)); /* as while it is committed */
    g_assert_true(rl_staged_fill(draft, from, 0, true, NULL) && rl_staged_label(draft, NULL));
    g_autofree char *of_live = source_of(lab, "live");
    g_assert_null(of_live);
}

/* Is the named revision @label known to be a copy of @noted? */
static bool
is_copy(Lab *lab, const char *label, const RlImageBase *noted)
{
    g_autofree char *inside = g_strdup_printf("a/b/private.img@%s", label);
    rl_autofd int fd = lab_open(lab, inside, 0);

    return rl_image_copy_is(fd, noted);
}

/* An image that is edited in place keeps its id, and so does a named revision. */
static void
test_copy_of_edited(Lab *lab)
{
    g_autofree char *id = NULL, *date = NULL, *edited_date = NULL;
    const char *const gold = "a/b/private.img@gold";
    struct stat st;

    lab_create(lab, V, "one", MIB);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_image_id_ensure(fd, &id, NULL) && fstat(fd, &st) == 0);
    date = rl_image_base_date(&st);
    const RlImageBase noted = {id, date}, by_id = {id, NULL};
    staged_label(lab, V, "gold");
    staged_label(lab, V, "old");
    g_assert_true(is_copy(lab, "gold", &noted) && is_copy(lab, "gold", &by_id));

    image_write(lab, V, RL_FILE_CLEAN, "two");
    g_assert_true(fstat(fd, &st) == 0);
    edited_date = rl_image_base_date(&st);
    const RlImageBase edited = {id, edited_date};
    staged_label(lab, V, "edited");
    g_assert_true(is_copy(lab, "gold", &noted) && !is_copy(lab, "gold", &edited));
    g_assert_true(is_copy(lab, "edited", &edited) && !is_copy(lab, "edited", &noted));

    g_autofree char *path = lab_path(lab, gold);
    make_file(path, "three");
    g_assert_false(is_copy(lab, "gold", &noted));

    /* What a version before this one has made. */
    rl_autofd int old = lab_open(lab, "a/b/private.img@old", 0);
    g_assert_true(rl_image_copy_is(old, &noted));
    g_assert_true(rl_xattr_remove(old, RL_ATTR_COPY_DATE, NULL));
    g_assert_true(!rl_image_copy_is(old, &noted) && rl_image_copy_may_be(old, id));
}

void
add_tests(void)
{
    lab_add("/content/below-what-is-noted", test_below_what_is_noted);
    lab_add("/content/below-what-libvirt-says", test_below_what_libvirt_says);
    lab_add("/content/source-of-label", test_source_of_label);
    lab_add("/content/copy-of-edited", test_copy_of_edited);
    lab_add("/content/bad-names", test_bad_names);
    lab_add("/content/two-of-one-number", test_two_of_one_number);
    lab_add("/content/kinds-without-content", test_kinds_without_content);
    lab_add("/content/direct-that-is-not-at-rest", test_direct_that_is_not_at_rest);
    lab_add("/content/committed-just-now", test_committed_just_now);
}
