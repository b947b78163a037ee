/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Short paths: what they name, and the links that make them good. */
#include "common/image/short-path.h"

#include "common/operation/delete.h"
#include "common/operation/rename.h"
#include "common/operation/staged-image.h"
#include "harness/disturb.h"

#include <errno.h>
#include <unistd.h>

static void
assert_stripped(const char *name, const char *wanted)
{
    g_autofree char *stripped = rl_short_path_strip(name);

    g_assert_cmpstr(stripped, ==, wanted);
}

static void
test_strip(void)
{
    assert_stripped("web.img", "web");
    assert_stripped("a/web.img", "a/web");
    assert_stripped("web", "web");
    assert_stripped("web.img.img", "web.img");
    assert_stripped("web.img.3", "web.img.3");
    assert_stripped("web@a.img", "web@a.img");
    assert_stripped(".img", "");
    assert_stripped("img", "img");
    assert_stripped("", "");
}

static void
assert_volume(Lab *lab, const char *inside, const char *wanted)
{
    g_autofree char *name = rl_short_path_volume(lab->pool, inside);

    g_assert_cmpstr(name, ==, wanted);
}

static void
make_link(Lab *lab, const char *target, const char *relative)
{
    g_autofree char *path = lab_path(lab, relative);

    g_assert_cmpint(symlink(target, path), ==, 0);
}

/* What would lie in a directory where the link is. */
static void
test_directory_of_that_name(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, "web", "one", MIB);
    g_assert_true(rl_short_path_make(lab->pool, "web", "web", NULL));
    g_assert_null(rl_volume_open(lab->pool, "web/data", &error));
    take_errno(error, ELOOP, "'web/data' & 'web' & short path");
}

static void
test_what_it_names(Lab *lab)
{
    g_autofree char *file = lab_path(lab, "web");

    lab_create(lab, "web", "one", MIB);
    lab_create(lab, "a/b", "two", MIB);
    assert_volume(lab, "web", "web");
    assert_volume(lab, "web.img", "web");
    assert_volume(lab, "web.img.img", NULL);
    assert_volume(lab, "volumes/web", NULL);
    assert_volume(lab, "a/b", NULL);
    assert_volume(lab, "b", NULL);
    assert_volume(lab, "web-dirty.img", NULL);
    assert_volume(lab, "", NULL);
    assert_volume(lab, "..", NULL);

    make_link(lab, "volumes/web-dirty.img", "web.img");
    assert_volume(lab, "web.img", "web");
    make_file(file, "somebody's own");
    assert_volume(lab, "web", NULL);
}

static void
assert_link(Lab *lab, const char *relative, const char *wanted)
{
    g_autofree char *path = lab_path(lab, relative);
    g_autofree char *target = g_file_read_link(path, NULL);

    g_assert_cmpstr(target, ==, wanted);
}

static void
assert_made(Lab *lab, const char *name, const char *wanted)
{
    g_autofree char *made = rl_short_path_made(lab->pool, name);

    g_assert_cmpstr(made, ==, wanted);
}

static void
test_make_and_tidy(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, "web", "one", MIB);
    lab_start(lab, "web", &alice);
    for (int i = 0; i < 2; i++)
        g_assert_true(rl_short_path_make(lab->pool, "web", "web", &error));
    g_assert_true(rl_short_path_make(lab->pool, "web.img", "web", &error));
    assert_link(lab, "web", "volumes/web-dirty.img");
    assert_made(lab, "web", "web");

    rl_short_path_tidy(lab->pool, "web");
    assert_link(lab, "web", "volumes/web-dirty.img");
    lab_stop(lab, "web", &alice, RL_STOP_UNWRITTEN);
    rl_short_path_tidy(lab->pool, "web");
    assert_link(lab, "web", NULL);
    assert_link(lab, "web.img", NULL);
    assert_made(lab, "web", NULL);
    assert_made(lab, "a/b", NULL);

    g_assert_true(rl_short_path_make(lab->pool, "web.img", "web", &error));
    assert_made(lab, "web", "web.img");
    rl_short_path_tidy(lab->pool, "web");
    assert_link(lab, "web.img", NULL);

    /* Left by a crash, it goes with the volume. */
    g_assert_true(rl_short_path_make(lab->pool, "web", "web", &error));
    g_assert_true(rl_volume_delete(lab->pool, "web", 0, &error));
    assert_link(lab, "web", NULL);
}

static void
test_somebody_elses_stays(Lab *lab)
{
    g_autofree char *file = lab_path(lab, "web.img");
    GError *error = NULL;

    lab_create(lab, "web", "one", MIB);
    make_link(lab, "/nowhere", "web");
    make_file(file, "somebody's own");
    g_assert_false(rl_short_path_make(lab->pool, "web", "web", &error));
    take_errno(g_steal_pointer(&error), EEXIST, "'web'");
    g_assert_false(rl_short_path_make(lab->pool, "web.img", "web", &error));
    take_errno(g_steal_pointer(&error), EEXIST, "'web'");
    g_assert_false(rl_short_path_make(lab->pool, "a", "a/b", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "'a/b'");
    rl_short_path_tidy(lab->pool, "web");
    assert_link(lab, "web", "/nowhere");
    g_assert_false(rl_short_path_make(lab->pool, "none/web", "web", &error));
    take_errno(g_steal_pointer(&error), ENOENT, "'web'");

    /* Its target is as long as ours. */
    lab_create(lab, "bow", "two", MIB);
    make_link(lab, "volumes/bew-dirty.img", "bow");
    g_assert_false(rl_short_path_make(lab->pool, "bow", "bow", &error));
    take_errno(g_steal_pointer(&error), EEXIST, "'bow'");
    rl_short_path_tidy(lab->pool, "bow");
    assert_link(lab, "bow", "volumes/bew-dirty.img");

    g_autofree char *dirty = lab_file(lab, "web", RL_FILE_DIRTY);
    g_assert_cmpint(mkdir(dirty, 0700), ==, 0);
    g_assert_false(rl_short_path_make(lab->pool, "web", "web", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "web-dirty.img");
    g_assert_true(is_there(file));

    /* Of a volume that cannot be looked at nothing is said, and nothing is done to its links. */
    g_autofree char *link = lab_path(lab, "web");
    g_assert_cmpint(unlink(link), ==, 0);
    make_link(lab, "volumes/web-dirty.img", "web");
    assert_volume(lab, "web", NULL);
    rl_short_path_tidy(lab->pool, "web");
    assert_link(lab, "web", "volumes/web-dirty.img");
}

static void
assert_taken(Lab *lab, const char *name, const char *words)
{
    const RlAccess access = RL_ACCESS_DEFAULT;
    g_autofree char *before = list_tree(lab->path);
    GError *error = NULL;

    g_assert_null(rl_staged_new(lab_pool(lab), name, &access, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NAME, words);
    g_assert_false(rl_volume_rename_to(lab->pool, "a/b", name, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NAME, words);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

/* No new volume gets a path that is something else's. */
static void
test_taken(Lab *lab)
{
    g_autofree char *foreign = lab_path(lab, "foreign"), *image = lab_path(lab, "image.img");
    g_autofree char *overlay = lab_path(lab, "web.monday"), *dir = lab_path(lab, "folder");
    g_autofree char *old = lab_path(lab, "old");
    GError *error = NULL;

    lab_create(lab, "a/b", "two", MIB);
    assert_taken(lab, "volumes", "/volumes'");
    make_file(foreign, "somebody's own");
    make_file(image, "somebody's own");
    make_file(overlay, "of a snapshot");
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    make_link(lab, "/nowhere", "link");
    make_link(lab, "volumes/bow-dirty.img", "bew");
    assert_taken(lab, "foreign", "'foreign' & /foreign'");
    assert_taken(lab, "image", "'image' & /image.img'");
    assert_taken(lab, "web.monday", "/web.monday'");
    assert_taken(lab, "folder", "/folder'");
    assert_taken(lab, "a", "/a'");
    assert_taken(lab, "link", "/link'");
    assert_taken(lab, "bew", "/bew'");

    lab_create(lab, "web", "one", MIB);
    assert_taken(lab, "web/data", "'web/data' & /web' & of volume 'web'");
    assert_taken(lab, "web/more/data", "of volume 'web'");

    /* A link that a crash left, and what an earlier version let be made. */
    make_link(lab, "volumes/old-dirty.img", "old.img");
    lab_create(lab, "old", "three", MIB);
    g_assert_cmpint(mkdir(old, 0700), ==, 0);
    lab_create(lab, "old/data", "four", MIB); /* its directory is there */
    lab_start(lab, "old", &alice);
    lab_stop(lab, "old", &alice, RL_STOP_UNWRITTEN);
    g_assert_true(rl_volume_rename_to(lab->pool, "a/b", "folder/b", &error));
    g_assert_no_error(error);
}

static void
assert_hidden(Lab *lab, const char *inside, const char *name)
{
    g_autofree char *found = rl_short_path_hidden(lab->pool, inside);

    g_assert_cmpstr(found, ==, name);
}

/* A file that came back in the place of a volume's path hides that volume. */
static void
test_hidden(Lab *lab)
{
    g_autofree char *file = lab_path(lab, "web.img"), *none = lab_path(lab, "none");

    lab_create(lab, "web", "one", MIB);
    make_file(none, "of no volume");
    assert_hidden(lab, "web.img", NULL);
    g_assert_true(rl_short_path_make(lab->pool, "web.img", "web", NULL));
    assert_hidden(lab, "web.img", NULL);
    rl_short_path_tidy(lab->pool, "web");
    make_file(file, "old");
    assert_hidden(lab, "web.img", "web");
    assert_hidden(lab, "web", NULL);
    assert_hidden(lab, "none", NULL);
    assert_hidden(lab, "volumes/web.img", NULL);
}

static bool
tidy(Lab *lab, GError **error)
{
    (void) error;
    rl_short_path_tidy(lab->pool, "web");
    return true;
}

static void
test_link_that_stays(Lab *lab)
{
    Disturbance no_unlink = {.nr = SYS_unlinkat, .first = 1, .code = EROFS};

    lab_create(lab, "web", "one", MIB);
    g_assert_true(rl_short_path_make(lab->pool, "web", "web", NULL));
    g_assert_true(disturb(lab, &no_unlink, tidy, NULL));
    g_assert_cmpuint(no_unlink.made, ==, 1);
    assert_link(lab, "web", "volumes/web-dirty.img");
    rl_short_path_tidy(lab->pool, "web");
    assert_link(lab, "web", NULL);
}

void
add_tests(void)
{
    g_test_add_func("/alias/strip", test_strip);
    lab_add("/alias/what-it-names", test_what_it_names);
    lab_add("/alias/directory-of-that-name", test_directory_of_that_name);
    lab_add("/alias/make-and-tidy", test_make_and_tidy);
    lab_add("/alias/somebody-elses-stays", test_somebody_elses_stays);
    lab_add("/alias/link-that-stays", test_link_that_stays);
    lab_add("/short-path/taken", test_taken);
    lab_add("/short-path/hidden", test_hidden);
}
