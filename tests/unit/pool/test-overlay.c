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
#include <unistd.h>

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
    g_assert_false(rl_volume_delete(lab->pool, V, 0, &error));
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

/* A domain's name can become another's, its UUID stays; and an earlier version noted the name
 * alone. */
static void
test_whose(Lab *lab)
{
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);
    RlDomainRef other = {.driver = "qemu", .uuid = bob.uuid, .name = alice.name};
    bool is;

    lab_create(lab, "web/other", "x", MIB);
    make_file(path, "some other format");
    assert_claimed(lab, V, true);
    g_assert_true(rl_overlay_is_of(lab->pool, V, alice.uuid));
    g_assert_false(rl_overlay_is_of(lab->pool, V, other.uuid));
    g_assert_false(rl_overlay_is_of(lab->pool, "web/other", alice.uuid));

    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_OVERLAY_OF, NULL));
    g_assert_false(rl_overlay_is_of(lab->pool, V, alice.uuid));
    /* Whose disk it is says the domain's XML. */
    g_assert_true(rl_overlay_claim(lab->pool, V, &other, &is, NULL) && is);
    g_assert_true(rl_overlay_is_of(lab->pool, V, other.uuid));
    g_assert_false(rl_overlay_is_of(lab->pool, V, alice.uuid));
}

/* What somebody of us has left beside the file says that it is an image. */
static void
test_traces(Lab *lab)
{
    static const char *const traces[] = {"web/night-dirty.img", "web/night-precache.img",
                                         "web/night.img.1@2018-01-02T05:06:07Z",
                                         "web/night.img@named"};
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *record = lab_file(lab, V, RL_FILE_RECORD);
    g_autofree char *others = lab_file(lab, "web/other", RL_FILE_RECORD);
    g_autofree char *text = NULL;

    lab_create_kind(lab, "web/other", RL_KIND_DIRECT, NULL, "x", MIB);
    make_file(path, "some other format");
    for (size_t i = 0; i < G_N_ELEMENTS(traces); i++) {
        g_autofree char *trace = lab_path(lab, traces[i]);
        make_file(trace, "x");
        assert_claimed(lab, V, false);
        g_assert_cmpint(unlink(trace), ==, 0);
    }
    g_assert_true(g_file_get_contents(others, &text, NULL, NULL));
    make_file(record, text);
    assert_claimed(lab, V, false);
    g_assert_cmpint(unlink(record), ==, 0);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_ID, "0123456789abcdef0123456789abcdef", NULL));
        assert_claimed(lab, V, false);
        g_assert_true(rl_xattr_remove(fd, RL_ATTR_ID, NULL));
    }
    g_assert_false(has_mark(lab));
    assert_claimed(lab, V, true);
}

/* Each of its calls fails by itself: it says so, and the file has no mark; or it has one. */
static void
test_every_call(Lab *lab)
{
    static const long calls[] = {SYS_openat2,   SYS_openat,    SYS_newfstatat, SYS_flock,
                                 SYS_fgetxattr, SYS_fsetxattr, SYS_getdents64, SYS_fsync};
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, "web/other", "x", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        Disturbance one = {.nr = calls[i], .count = 1, .code = EIO};
        for (one.first = 1;; one.first++) {
            GError *error = NULL;
            make_file(path, "some other format");
            bool done = disturb(lab, &one, claim_it, &error);
            g_assert_cmpint(done, ==, error == NULL);
            g_assert_cmpint(has_mark(lab), ==, done);
            g_clear_error(&error);
            g_assert_cmpint(unlink(path), ==, 0);
            if (one.made < one.first)
                break;
        }
    }
}

static bool
claim_as_bob(Lab *lab, GError **error)
{
    bool is;

    return rl_overlay_claim(lab->pool, V, &bob, &is, error) && is;
}

static bool
is_of_alice(Lab *lab, GError **error)
{
    (void) error;
    return rl_overlay_is_of(lab->pool, V, alice.uuid);
}

static bool
is_none(Lab *lab, GError **error)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);

    return rl_overlay_require_none(fd, V, "night.img", error);
}

/* A mark stays one where it cannot be renewed, and none is read from what cannot be read. */
static void
test_not_renewed(Lab *lab)
{
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);
    Disturbance all = {.nr = SYS_fsetxattr, .first = 1, .code = ENOSPC};
    Disturbance look = {.nr = SYS_fgetxattr, .first = 1, .code = EIO};
    GError *error = NULL;
    bool is = true;

    lab_create(lab, "web/other", "x", MIB);
    g_assert_false(rl_overlay_is_of(lab->pool, V, alice.uuid)); /* there is no file */
    make_file(path, "some other format");
    g_assert_true(is_none(lab, &error));
    assert_claimed(lab, V, true);
    g_assert_true(disturb(lab, &all, claim_as_bob, &error));
    g_assert_cmpuint(all.made, ==, 1);
    g_assert_true(rl_overlay_is_of(lab->pool, V, alice.uuid));
    for (;; look.first++) {
        g_autoptr(GError) cause = NULL;
        bool done = disturb(lab, &look, claim_as_bob, &cause);
        g_assert_cmpint(done, ==, cause == NULL);
        if (look.made < look.first)
            break;
        g_assert_true(rl_overlay_is_of(lab->pool, V, alice.uuid));
    }
    g_assert_true(rl_overlay_is_of(lab->pool, V, bob.uuid));
    assert_claimed(lab, V, true);
    all.first = 2; /* the UUID is bob's, the name is not: that is for people */
    g_assert_true(disturb(lab, &all, claim_as_bob, &error));
    g_assert_true(rl_overlay_is_of(lab->pool, V, bob.uuid));
    g_assert_no_error(error);
    assert_claimed(lab, V, true);

    for (look.first = 1;; look.first++) {
        bool is_alices = disturb(lab, &look, is_of_alice, NULL);
        g_assert_cmpint(is_alices, ==, look.made < look.first);
        if (is_alices)
            break;
    }
    Disturbance opening = {.nr = SYS_openat, .first = 1, .code = EIO};
    g_assert_false(disturb(lab, &opening, is_of_alice, NULL));
    g_assert_true(is_of_alice(lab, NULL));
    look.first = 1;
    g_assert_false(disturb(lab, &look, is_none, &error));
    take_errno(error, EIO, RL_ATTR_OVERLAY);
    error = NULL;
    g_assert_false(is_none(lab, &error));
    take_error(error, RL_ERROR_INVALID, "'web/night' & 'alice'");

    error = NULL;
    g_assert_false(rl_overlay_claim(lab->pool, "web//night", &alice, &is, &error));
    take_error(error, RL_ERROR_NAME, "web//night");
    g_assert_false(is);
    g_assert_false(rl_overlay_is_of(lab->pool, "web//night", alice.uuid));
}

void
add_tests(void)
{
    lab_add("/overlay/traces", test_traces);
    lab_add("/overlay/every-call", test_every_call);
    lab_add("/overlay/not-renewed", test_not_renewed);
    lab_add("/overlay/file", test_file);
    lab_add("/overlay/volume", test_volume);
    lab_add("/overlay/no-id-while-written", test_no_id_while_written);
    lab_add("/overlay/durable", test_durable);
    lab_add("/overlay/whose", test_whose);
}
