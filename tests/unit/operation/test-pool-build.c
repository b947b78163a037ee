/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/operation/pool-build.h"

#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "harness/disturb.h"
#include "xml/documents.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>

static const RlAccess as_is = {(mode_t) -1, (uid_t) -1, (gid_t) -1};

static bool
build(const char *path, bool copy, const RlAccess *access, GError **error)
{
    g_autoptr(RlOptions) options = rl_options_new();

    options->fallback_copy = copy;
    return rl_pool_build(path, options, access, rl_xml_documents(), error);
}

/* Fails, with these words, and leaves the lab as it is. */
static void
refused(Lab *lab, const char *path, int code, const char *words)
{
    g_autofree char *base = g_path_get_dirname(lab->path), *before = list_tree(base);
    GError *error = NULL;

    g_assert_false(build(path, !lab->reflinks, &as_is, &error));
    take_error(error, code, words);
    g_autofree char *after = list_tree(base);
    g_assert_cmpstr(after, ==, before);
}

static void
test_new_directories(Lab *lab)
{
    g_autofree char *path = g_strconcat(lab->path, "-new/deep/pool", NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    RlAccess access = {0750, 1234, 5678};
    GError *error = NULL;

    g_assert_true(build(path, !lab->reflinks, &access, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(look(path).st_mode & 07777, ==, 0750);
    g_assert_cmpuint(look(path).st_uid, ==, 1234);
    g_assert_cmpuint(look(path).st_gid, ==, 5678);
    g_assert_cmpuint(look(parent).st_uid, ==, 0);
    g_assert_true(rl_pool_has_marker(path));
    assert_list(path, RL_POOL_MARKER);
    access = (RlAccess){(mode_t) -1, (uid_t) -1, 8765};
    g_assert_true(build(path, !lab->reflinks, &access, &error));
    g_assert_cmpuint(look(path).st_uid, ==, 1234);
    g_assert_cmpuint(look(path).st_gid, ==, 8765);

    g_autofree char *other = g_strconcat(lab->path, "-other", NULL);
    g_assert_true(build(other, !lab->reflinks, &as_is, &error));
    g_assert_cmpuint(look(other).st_mode & 07777, ==, 0711);
}

/* What is there is adopted, and nothing of it touched. */
static void
test_existing_tree(Lab *lab)
{
    g_autofree char *path = g_strconcat(lab->path, "-old", NULL);
    g_autofree char *image = g_build_filename(path, "appvms/foo/private.img", NULL);
    GError *error = NULL;

    make_file(image, "x");
    set_mtime(image, 1000, 5);
    g_assert_cmpint(chmod(path, 0770), ==, 0);
    g_assert_true(build(path, !lab->reflinks, &as_is, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(look(path).st_mode & 07777, ==, 0770);
    g_assert_cmpint(look(image).st_mtim.tv_sec, ==, 1000);
    g_autofree char *tree = list_tree(path);
    g_assert_cmpstr(tree, ==, ".reflink-pool.xml appvms appvms/foo appvms/foo/private.img");
    g_assert_true(build(path, !lab->reflinks, &as_is, &error)); /* and once more */
}

/* The directory that a link leads to is the pool; the link is the administrator's, and stays. */
static void
test_through_a_link(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *dir = g_build_filename(base, "target", NULL);
    g_autofree char *link = g_build_filename(base, "to-target", NULL);
    GError *error = NULL;

    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    g_assert_cmpint(symlink("target", link), ==, 0);
    g_assert_true(build(link, !lab->reflinks, &as_is, &error));
    g_assert_no_error(error);
    assert_list(dir, RL_POOL_MARKER);
    g_assert_cmpuint(look(dir).st_mode & 07777, ==, 0700);
    g_autoptr(RlPool) pool = rl_pool_open(link, rl_xml_documents(), &error);
    g_assert_true(rl_pool_delete(pool, &error));
    g_assert_no_error(error);
    g_assert_false(is_there(dir));
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
}

static void
test_what_is_no_directory(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *file = g_build_filename(base, "file", NULL);
    g_autofree char *link = g_build_filename(base, "link", NULL);
    g_autofree char *dangling = g_build_filename(base, "dangling", NULL);
    g_autofree char *below_file = g_build_filename(base, "file/a/b", NULL);
    g_autofree char *below_dangling = g_build_filename(base, "dangling/a", NULL);
    g_autofree char *dir = g_build_filename(base, "dir", NULL);

    make_file(file, "x");
    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    g_assert_cmpint(symlink("dir", link), ==, 0);
    g_assert_cmpint(symlink("nowhere", dangling), ==, 0);
    refused(lab, file, RL_ERROR_INVALID, "directory");
    g_assert_cmpint(lchown(link, 1234, 0), ==, 0);
    refused(lab, link, RL_ERROR_INVALID, "link & 1234");
    refused(lab, dangling, RL_ERROR_INVALID, "link");
    refused(lab, below_dangling, RL_ERROR_INVALID, "link");
    GError *error = NULL;
    g_assert_false(build(below_file, !lab->reflinks, &as_is, &error));
    g_assert_nonnull(strstr(error->message, "file"));
    g_error_free(error);
}

static void
test_inside_another_pool(Lab *lab)
{
    g_autofree char *inner = lab_path(lab, "inner"), *deep = lab_path(lab, "a/b/inner");
    g_autofree char *link = g_strconcat(lab->path, "-link", NULL);
    g_autofree char *through = g_strconcat(link, "/inner", NULL);
    g_autofree char *to_inside = g_strconcat(lab->path, "-inside", NULL);
    g_autofree char *dir = lab_path(lab, "dir");
    GError *error = NULL;

    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    g_assert_cmpint(symlink(dir, to_inside), ==, 0);

    g_assert_cmpint(symlink(lab->path, link), ==, 0);
    refused(lab, inner, RL_ERROR_INVALID, lab->path);
    refused(lab, deep, RL_ERROR_INVALID, "inside");
    refused(lab, through, RL_ERROR_INVALID, "inside");
    g_assert_true(rl_pool_require_outside(lab->path, &error));
    g_assert_false(rl_pool_require_outside(inner, &error));
    take_error(error, RL_ERROR_INVALID, inner);
    error = NULL;
    g_assert_false(rl_pool_require_outside(to_inside, &error));
    take_error(error, RL_ERROR_INVALID, to_inside);
    error = NULL;
    g_assert_true(rl_pool_require_outside(link, &error)); /* the pool itself */
}

/* What a dry run asks. It leaves nothing. */
static void
test_buildable(Lab *lab)
{
    g_autoptr(RlOptions) options = rl_options_new();
    g_autofree char *path = g_strconcat(lab->path, "-new", NULL);
    g_autofree char *link = g_strconcat(lab->path, "-link", NULL);
    g_autofree char *inner = lab_path(lab, "inner");
    GError *error = NULL;

    options->fallback_copy = !lab->reflinks;
    g_assert_cmpint(mkdir(path, 0755), ==, 0);
    g_assert_true(rl_pool_require_buildable(path, options, &error));
    g_assert_no_error(error);
    assert_list(path, "");
    g_assert_cmpint(mkdir(inner, 0755), ==, 0);
    g_assert_false(rl_pool_require_buildable(inner, options, &error));
    take_error(error, RL_ERROR_INVALID, inner);
    error = NULL;
    g_assert_cmpint(symlink(path, link), ==, 0);
    g_assert_true(rl_pool_require_buildable(link, options, &error));
    g_assert_cmpint(lchown(link, 1234, 0), ==, 0);
    g_assert_false(rl_pool_require_buildable(link, options, &error));
    take_error(error, RL_ERROR_INVALID, "link & 1234");
}

ATTEMPT(require_outside, rl_pool_require_outside(lab->path, error))

static void
test_outside_cannot_be_told(Lab *lab)
{
    g_assert_true(require_outside(lab, NULL));
    fails_without(lab, SYS_openat, require_outside);
}

/* The inner one was there first. */
static void
test_around_another_pool(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *outer = g_build_filename(base, "outer", NULL);
    g_autofree char *near = g_build_filename(outer, "a", NULL);
    g_autofree char *deep = g_build_filename(outer, "1/2/3/4/5/6/7", NULL);
    g_autofree char *deeper = g_build_filename(outer, "b/2/3/4/5/6/7/8", NULL);
    const char *const inner[] = {near, deep};
    GError *error = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(inner); i++) {
        g_autofree char *marker = g_build_filename(inner[i], RL_POOL_MARKER, NULL);
        g_assert_true(build(inner[i], !lab->reflinks, &as_is, &error));
        refused(lab, outer, RL_ERROR_INVALID, inner[i]);
        g_assert_cmpint(unlink(marker), ==, 0);
        refused(lab, outer, RL_ERROR_INVALID, inner[i]); /* it has lost its marker */
        g_assert_cmpint(removexattr(inner[i], RL_ATTR_PREFIX RL_ATTR_POOL), ==, 0);
    }
    /* So deep lies no volume of the outer one. */
    g_assert_true(build(deeper, !lab->reflinks, &as_is, &error));
    g_assert_true(build(outer, !lab->reflinks, &as_is, &error));
}

static void
test_without_reflinks(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *deep = g_build_filename(base, "x/y/pool", NULL);
    g_autofree char *there = g_build_filename(base, "there", NULL), *before = NULL;
    const char *const paths[] = {deep, there};

    g_assert_cmpint(mkdir(there, 0700), ==, 0);
    before = list_tree(base);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        RlAccess access = {0777, 1234, 1234};
        GError *error = NULL;
        g_assert_false(build(paths[i], false, &access, &error));
        take_error(error, RL_ERROR_UNSUPPORTED, "<reflink:fallback copy='yes'/>");
        g_autofree char *after = list_tree(base);
        g_assert_cmpstr(after, ==, before);
    }
    g_assert_cmpuint(look(there).st_mode & 07777, ==, 0700);
    g_assert_cmpuint(look(there).st_uid, ==, 0);
}

/* A file system without our attributes is none for pools, with a fallback or without. */
static void
test_without_attributes(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *dir = g_build_filename(base, "plain", NULL);
    g_autofree char *pool = g_build_filename(dir, "pool", NULL);
    GError *error = NULL;

    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    if (mount("none", dir, "ramfs", 0, NULL) < 0) {
        g_test_skip("cannot mount a ramfs");
        return;
    }
    bool built = build(pool, true, &as_is, &error);
    bool left = is_there(pool);
    g_assert_cmpint(umount2(dir, MNT_DETACH), ==, 0);
    g_assert_false(built);
    g_assert_nonnull(strstr(error->message, pool));
    g_error_free(error);
    g_assert_false(left);
}

static void
test_delete(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"), *file = lab_path(lab, "a/notes");
    g_autofree char *temp = lab_path(lab, RL_POOL_MARKER "~123456");
    GError *error = NULL;

    lab_create(lab, "a/private", "one", MIB);
    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    make_file(temp, "left by a crash");
    g_autofree char *before = list_tree(lab->path);
    g_assert_false(rl_pool_delete(lab->pool, &error));
    take_error(error, RL_ERROR_STATE, "'a/private'");
    lab_create(lab, "a/z", "two", MIB);
    error = NULL;
    g_assert_false(rl_pool_delete(lab->pool, &error));
    take_error(error, RL_ERROR_STATE, "'a/private'");
    g_assert_true(rl_volume_delete(lab->pool, "a/z", 0, NULL));
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);

    g_autofree char *clean = lab_file(lab, "a/private", RL_FILE_CLEAN);
    g_assert_cmpint(unlink(clean), ==, 0);
    make_file(file, "x");
    error = NULL;
    g_assert_false(rl_pool_delete(lab->pool, &error));
    take_error(error, RL_ERROR_STATE, "'a/notes'");
    g_assert_true(is_there(dir));
    g_assert_true(rl_pool_has_marker(lab->path));

    g_assert_cmpint(unlink(file), ==, 0);
    error = NULL;
    g_assert_true(rl_pool_delete(lab->pool, &error));
    g_assert_no_error(error);
    g_assert_false(is_there(lab->path));
}

/* Empty directories, one in the other, deeper than a volume's can be: nobody walks down there, with
 * a descriptor for each. */
static void
test_delete_of_a_deep_tree(Lab *lab)
{
    GError *error = NULL;
    int at = dup(lab->pool->root);

    for (int i = 0; i < 3000; i++) {
        g_assert_cmpint(mkdirat(at, "d", 0755), ==, 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(next, >=, 0);
        close(at);
        at = next;
    }
    close(at);
    g_assert_false(rl_pool_delete(lab->pool, &error));
    take_error(error, RL_ERROR_STATE, "'d/d/d/d/d/d/d/d/d'");
    g_assert_true(rl_pool_has_marker(lab->path));
}

/* Revisions of a volume that is gone are data. */
static void
test_delete_keeps_orphans(Lab *lab)
{
    g_autofree char *orphan = lab_path(lab, "a/x.img.3@2018-01-02T05:06:07Z");
    GError *error = NULL;

    make_file(orphan, "x");
    g_assert_false(rl_pool_delete(lab->pool, &error));
    take_error(error, RL_ERROR_STATE, "a/x");
    g_assert_true(is_there(orphan));
}

void
add_tests(void)
{
    lab_add("/pool-build/new-directories", test_new_directories);
    lab_add("/pool-build/existing-tree", test_existing_tree);
    lab_add("/pool-build/through-a-link", test_through_a_link);
    lab_add("/pool-build/what-is-no-directory", test_what_is_no_directory);
    lab_add("/pool-build/inside-another-pool", test_inside_another_pool);
    lab_add("/pool-build/buildable", test_buildable);
    lab_add("/pool-build/around-another-pool", test_around_another_pool);
    lab_add("/pool-build/outside-cannot-be-told", test_outside_cannot_be_told);
    lab_add_on("/pool-build/without-reflinks", "ext4", test_without_reflinks);
    lab_add_on("/pool-build/without-attributes", "ext4", test_without_attributes);
    lab_add("/pool-build/delete", test_delete);
    lab_add("/pool-build/delete-of-a-deep-tree", test_delete_of_a_deep_tree);
    lab_add("/pool-build/delete-keeps-orphans", test_delete_keeps_orphans);
}
