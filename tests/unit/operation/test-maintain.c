/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/operation/maintenance.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/image/temporary-files.h"
#include "common/operation/delete.h"
#include "common/pool/scan.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"

static void
maintain(Lab *lab, const char *name, bool committed)
{
    g_autoptr(GError) error = NULL;
    bool done = rl_volume_maintain(lab->pool, name, committed, &error);

    g_assert_no_error(error);
    g_assert_true(done);
}

static void
put(Lab *lab, const char *relative)
{
    g_autofree char *path = lab_path(lab, relative);

    make_file(path, "x");
}

static void
test_prunes_all_but_the_newest(Lab *lab)
{
    put(lab, "a/b/private.img@label");
    lab_create(lab, "a/b/other", "x", MIB);
    put(lab, "a/b/private.img.2@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img.10@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img.9@2019-01-02T05:06:07Z");
    put(lab, "a/b/private.img.100@2018-01-02T05:06:07Z");
    put(lab, "a/b/other.img.1@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img");
    maintain(lab, V, false); /* only after a commit */
    assert_revisions(lab, V, "2 9 10 100 label");
    maintain(lab, V, true);
    assert_revisions(lab, V, "9 10 100 label");
    assert_revisions(lab, "a/b/other", "1");
    lab_options(lab, 1);
    maintain(lab, V, true);
    assert_revisions(lab, V, "100 label");
    lab_options(lab, 0);
    maintain(lab, V, true);
    assert_revisions(lab, V, "label");
    g_autofree char *dir = lab_path(lab, "a/b"), *files = list(dir);
    g_assert_null(strchr(files, '~'));
}

/* libvirt's daemon ends a domain that runs, when it is started again, if a disk of it is gone. */
static void
test_a_revision_that_is_read_stays(Lab *lab)
{
    g_autofree char *read = lab_path(lab, "a/b/private.img.1@2018-01-02T05:06:07Z");
    g_autoptr(RlName) first = rl_name_parse(V "@1", NULL);
    GError *error = NULL;

    put(lab, "a/b/private.img.1@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img.2@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img");
    lab_options(lab, 0);
    {
        rl_autofd int reader = open(read, O_RDONLY | O_CLOEXEC);
        maintain(lab, V, true);
        assert_revisions(lab, V, "1");
        g_assert_false(rl_revision_delete(lab->pool, first, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_BUSY, "private.img.1@");
        g_assert_false(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_BUSY, "private.img.1@");
        g_assert_cmpint(reader, >=, 0);
    }
    maintain(lab, V, true);
    assert_revisions(lab, V, "");
}

/* Nor is one pruned that a domain was started with below an overlay, or that a saved one reads. */
static void
test_a_layer_stays(Lab *lab)
{
    g_autoptr(RlName) first = rl_name_parse(V "@1", NULL);
    GError *error = NULL;

    put(lab, "a/b/private.img.1@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img.2@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img");
    lab_options(lab, 0);
    {
        g_autofree char *path = revision_path(lab, V, "1");
        rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_LAYER, "1", &error));
        g_assert_no_error(error);
    }
    maintain(lab, V, true);
    assert_revisions(lab, V, "1");
    /* An administrator deletes it. */
    g_assert_true(rl_revision_delete(lab->pool, first, &error));
    g_assert_no_error(error);
}

/* Those that were put back, from a replica, have higher numbers than those of now. */
static void
test_prunes_nothing_for_what_was_put_back(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_options(lab, 2);
    lab_run(lab, V, "two");
    put(lab, "a/b/private.img.3@2018-01-02T05:06:07Z");
    put(lab, "a/b/private.img.4@2018-01-02T05:06:07Z");
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "1 2 3 4");
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "4 5");
    lab_run(lab, V, "five");
    assert_revisions(lab, V, "5 6");
}

static void
test_precache_is_as_the_clean_image(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    maintain(lab, V, false);
    g_assert_cmpint(look(precache).st_mtim.tv_nsec, ==, 123456789);
    g_assert_cmpint(look(precache).st_size, ==, MIB);
    g_assert_cmpint(shares_data(precache, clean), ==, lab->reflinks);
    ino_t inode = look(precache).st_ino;
    maintain(lab, V, false);
    g_assert_cmpuint(look(precache).st_ino, ==, inode); /* a good one stays */
    set_mtime(precache, 1, 1);
    maintain(lab, V, false);
    g_assert_cmpint(look(precache).st_mtim.tv_nsec, ==, 123456789);
    g_autofree char *dir = lab_path(lab, "a/b");
    assert_list(dir, "private-precache.img private.img");
}

static void
test_who_has_a_precache(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a");
    const char *const names[] = {"a/p", "a/s", "a/v", "a/d", "a/lost"};

    lab_create(lab, "a/p", "one", MIB);
    lab_create_kind(lab, "a/s", RL_KIND_SNAPSHOT, "a/p", NULL, 0);
    lab_create_kind(lab, "a/v", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "a/d", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_create_kind(lab, "a/lost", RL_KIND_SNAPSHOT, "a/missing", NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        maintain(lab, names[i], true);
    assert_list(dir, "d.img d.volume.xml lost.volume.xml p-precache.img p.img s-precache.img "
                     "s.volume.xml v.volume.xml");
    lab_start(lab, "a/p", &alice);
    maintain(lab, "a/p", true);
    g_assert_false(image_is_there(lab, "a/p", RL_FILE_PRECACHE));
}

/* A large snapshot's precache is large as well, or it would never be used. */
static void
test_precache_of_a_larger_snapshot(Lab *lab)
{
    lab_create(lab, "a/p", "one", MIB);
    lab_create_kind(lab, "a/s", RL_KIND_SNAPSHOT, "a/p", NULL, 4 * MIB);
    maintain(lab, "a/s", false);
    ino_t inode = image_inode(lab, "a/s", RL_FILE_PRECACHE);
    maintain(lab, "a/s", false);
    g_assert_cmpuint(image_inode(lab, "a/s", RL_FILE_PRECACHE), ==, inode);
    lab_start(lab, "a/s", &alice);
    g_assert_cmpuint(image_inode(lab, "a/s", RL_FILE_DIRTY), ==, inode);
    g_assert_cmpint(image_size(lab, "a/s", RL_FILE_DIRTY), ==, 4 * MIB);
}

static void
test_sweeps_temporaries(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"),
                    *open_one = lab_path(lab, "a/b/private.img~0be012");

    lab_create(lab, V, "one", MIB);
    put(lab, "a/b/private.img~12345a");
    put(lab, "a/b/private-dirty.img~12345a");
    put(lab, "a/b/private.volume.xml~12345a");
    put(lab, "a/b/private.img~");
    put(lab, "a/b/other.img~12345a");
    make_file(open_one, "in the making");
    {
        rl_autofd int maker = open(open_one, O_RDWR | O_CLOEXEC);
        maintain(lab, V, false);
        g_assert_true(is_there(open_one));
        rl_fd_close(&maker);
    }
    maintain(lab, V, false);
    assert_list(dir, "other.img~ private-precache.img private.img private.img~");
    g_autofree char *backup = lab_path(lab, "a/b/private.img~");
    g_assert_true(is_there(backup));
}

static void
test_drop(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, &error);
    g_assert_true(rl_file_drop(volume, "missing", &error));
    g_assert_true(rl_dirty_drop(volume, &error));
    g_assert_no_error(error);
    lab_start(lab, V, &alice);
    g_assert_true(rl_dirty_drop(volume, &error));
    g_autofree char *dir = lab_path(lab, "a/b");
    assert_list(dir, "private.img private.img~");
    rl_volume_sweep(volume);
    assert_list(dir, "private.img");
}

/* Of a volume that is gone nothing stays but what is data. */
static void
test_remains(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    maintain(lab, "never/was", true);
    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(unlink(clean), ==, 0);
    maintain(lab, V, true);
    assert_list(lab->path, ".reflink-pool.xml a");
    g_autofree char *tree = list_tree(lab->path);
    g_assert_cmpstr(tree, ==, ".reflink-pool.xml a");

    put(lab, "a/b/private.img.1@2018-01-02T05:06:07Z");
    put(lab, "a/b/private-precache.img");
    maintain(lab, V, true);
    assert_revisions(lab, V, "1");
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

static void
test_remove(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, "a/b/sibling", "x", MIB);
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    put(lab, "a/b/private.img@x");
    put(lab, "a/b/private.img@y");
    put(lab, "a/b/private-import.img");
    g_autofree char *before = list_tree(lab->path);
    g_assert_false(rl_volume_delete(lab->pool, V, 0, &error));
    take_error(error, RL_ERROR_STATE, "a/b/private@x & a/b/private@y");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);

    error = NULL;
    g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    g_assert_no_error(error);
    g_autofree char *dir = lab_path(lab, "a/b");
    assert_list(dir, "sibling.img");
    g_assert_true(rl_volume_delete(lab->pool, "a/b/sibling", 0, &error));
    g_autofree char *tree = list_tree(lab->path);
    g_assert_cmpstr(tree, ==, ".reflink-pool.xml a");
    g_assert_false(rl_volume_delete(lab->pool, V, 0, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'a/b/private'");
}

/* A directory's name is no volume's, and the place in the tree is of no matter. */
static void
test_remove_source(Lab *lab)
{
    const char *const snapshots[] = {"a/b/s", "vm/s", "web", NULL};
    GError *error = NULL;

    lab_create(lab, "t/root", "one", MIB);
    lab_create(lab, "t/other", "one", MIB);
    lab_create_kind(lab, "vm/other", RL_KIND_SNAPSHOT, "t/other", NULL, 0);
    for (int i = 0; snapshots[i]; i++)
        lab_create_kind(lab, snapshots[i], RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "vm/s", &alice);
    g_autofree char *before = list_tree(lab->path);
    g_assert_false(rl_volume_delete(lab->pool, "t/root", RL_DELETE_NAMED, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE,
               "'t/root' & 'a/b/s', 'vm/s' and 'web' & --with-users");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);

    for (int i = 0; i < 9; i++) {
        g_autofree char *name = g_strdup_printf("vm/%d/root", i);
        lab_create_kind(lab, name, RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    }
    g_assert_false(rl_volume_delete(lab->pool, "t/root", 0, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "'vm/0/root' & and 7 more");

    /* Asked for twice: who runs goes on, and who starts needs another one of that name. */
    g_assert_true(rl_volume_delete(lab->pool, "t/root", RL_DELETE_USED, &error));
    g_assert_no_error(error);
    lab_stop(lab, "vm/s", &alice, RL_STOP_DROPPED);
    lab_start_fails(lab, "vm/s", &alice, RL_ERROR_NOT_FOUND, "'t/root'");
    lab_create(lab, "t/root", "two", MIB);
    lab_start(lab, "vm/s", &alice);
    lab_stop(lab, "vm/s", &alice, RL_STOP_DROPPED);
    g_assert_true(rl_volume_delete(lab->pool, "vm/other", 0, &error));
    g_assert_true(rl_volume_delete(lab->pool, "t/other", 0, &error));
    g_assert_no_error(error);
}

static void
test_remove_while_running(Lab *lab)
{
    const char *const names[] = {"a/p", "a/s", "a/v", "a/d"};

    lab_create(lab, "a/p", "one", MIB);
    lab_create_kind(lab, "a/s", RL_KIND_SNAPSHOT, "a/p", NULL, 0);
    lab_create_kind(lab, "a/v", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "a/d", RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        lab_start(lab, names[i], &alice);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *words = g_strdup_printf("'%s' & running & 'alice'", names[i]);
        GError *error = NULL;
        g_assert_false(rl_volume_delete(lab->pool, names[i], RL_DELETE_NAMED, &error));
        take_error(error, RL_ERROR_STATE, words);
        g_assert_true(image_is_there(lab, names[i], RL_FILE_DIRTY));
    }
    lab_stop(lab, "a/v", &alice, RL_STOP_DROPPED);
    g_assert_true(rl_volume_delete(lab->pool, "a/v", 0, NULL));
    g_assert_false(image_is_there(lab, "a/v", RL_FILE_RECORD));
}

static void
test_remove_revision(Lab *lab)
{
    g_autoptr(RlName) second = rl_name_parse(V "@2", NULL);
    g_autoptr(RlName) label = rl_name_parse(V "@x", NULL);
    g_autoptr(RlName) current = rl_name_parse(V "@current", NULL);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    put(lab, "a/b/private.img@x");
    g_assert_true(rl_revision_delete(lab->pool, second, &error));
    assert_revisions(lab, V, "1 x");
    g_assert_true(rl_revision_delete(lab->pool, label, &error));
    assert_revisions(lab, V, "1");
    g_assert_no_error(error);
    g_assert_false(rl_revision_delete(lab->pool, second, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'a/b/private@2'");
    error = NULL;
    g_assert_false(rl_revision_delete(lab->pool, current, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, "@current'");
    image_is(lab, V, RL_FILE_CLEAN, "three");

    /* Of a volume that is gone, and of one that never was. */
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autoptr(RlName) first = rl_name_parse(V "@1", NULL), none = rl_name_parse("n/x@1", NULL);
    g_assert_cmpint(unlink(clean), ==, 0);
    g_assert_true(rl_revision_delete(lab->pool, first, &error));
    assert_revisions(lab, V, "");
    g_assert_false(rl_revision_delete(lab->pool, none, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'n/x@1'");
}

/* What a deletion or clone that was cut off left, where no volume is there any more to be stopped.
 */
static void
test_clears_what_is_gone(Lab *lab)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *open_path = lab_path(lab, "gone/one/private.img~abcde1");
    g_autofree char *kept = lab_path(lab, "gone/kept"), *tree = NULL;
    GError *error = NULL;

    lab_create(lab, V, "clean", MIB);
    maintain(lab, V, false);
    lab_create_kind(lab, "gone/three/snapshot", RL_KIND_SNAPSHOT, V, NULL, 0);
    put(lab, "a/b/private.img~01234a");
    put(lab, "gone/one/private.img~12345a");
    put(lab, "gone/one/private.img~abcde1");
    put(lab, "gone/two/deep/er/root.img~01234a");
    put(lab, "gone/three/snapshot.img~12345a");
    put(lab, "gone/kept/private.img.3@2018-01-02T05:06:07Z");
    put(lab, "gone/kept/private-precache.img");
    put(lab, "gone/kept/mine.img~1");
    put(lab, "gone/kept/alone-precache.img"); /* no deletion was cut off: it was made from what? */
    put(lab, "gone/kept/mine.txt~12345a");
    int writer = open(open_path, O_RDWR | O_CLOEXEC);

    for (int i = 0; i < 2; i++) {
        g_ptr_array_set_size(names, 0);
        g_autoptr(GPtrArray) listed = rl_scan_leftovers(lab->pool, names, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(listed->len, ==, 3);
        for (guint j = 0; j < names->len; j++) {
            g_assert_true(rl_volume_clear(lab->pool, g_ptr_array_index(names, j), &error));
            g_assert_no_error(error);
        }
        g_assert_cmpuint(names->len, ==, i == 0 ? 4 : 1);
        g_assert_cmpint(is_there(open_path), ==, i == 0); /* as long as it is written to */
        if (writer >= 0)
            close(writer);
        writer = -1;
    }
    tree = list_tree(lab->path);
    g_assert_cmpstr(
        tree, ==,
        ".reflink-pool.xml a a/b a/b/private-precache.img a/b/private.img gone "
        "gone/kept gone/kept/alone-precache.img gone/kept/mine.img~ gone/kept/mine.txt~ "
        "gone/kept/private-precache.img gone/kept/private.img.3@2018-01-02T05:06:07Z "
        "gone/three gone/three/snapshot.volume.xml");
}

void
add_tests(void)
{
    lab_add("/maintain/prunes-all-but-the-newest", test_prunes_all_but_the_newest);
    lab_add("/maintain/a-revision-that-is-read-stays", test_a_revision_that_is_read_stays);
    lab_add("/maintain/a-layer-stays", test_a_layer_stays);
    lab_add("/maintain/prunes-nothing-for-what-was-put-back",
            test_prunes_nothing_for_what_was_put_back);
    lab_add("/maintain/precache-is-as-the-clean-image", test_precache_is_as_the_clean_image);
    lab_add("/maintain/who-has-a-precache", test_who_has_a_precache);
    lab_add("/maintain/precache-of-a-larger-snapshot", test_precache_of_a_larger_snapshot);
    lab_add("/maintain/remains", test_remains);
    lab_add("/discard/sweeps-temporaries", test_sweeps_temporaries);
    lab_add("/discard/drop", test_drop);
    lab_add("/remove/volume", test_remove);
    lab_add("/remove/while-running", test_remove_while_running);
    lab_add("/remove/source", test_remove_source);
    lab_add("/remove/revision", test_remove_revision);
    lab_add("/maintain/clears-what-is-gone", test_clears_what_is_gone);
}
