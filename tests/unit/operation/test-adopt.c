/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Plain images and trees of Qubes OS's driver in a directory that becomes a pool. */
#include "common/operation/adopt.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
put(Lab *lab, const char *relative, off_t size)
{
    g_autofree char *path = lab_path(lab, relative), *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    make_file(path, size > 0 ? relative : "");
    set_size(path, size);
}

static GPtrArray *
plan(Lab *lab, const char *const *raw)
{
    GError *error = NULL;
    GPtrArray *files = rl_adopt_plan(lab->pool->root, raw, &error);

    g_assert_no_error(error);
    g_assert_nonnull(files);
    return files;
}

static RlAdoptFile *
file_of(const GPtrArray *files, const char *path)
{
    for (guint i = 0; i < files->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(files, i);
        if (strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static void
is_foreign(const GPtrArray *files, const char *path, const char *words)
{
    const RlAdoptFile *file = file_of(files, path);

    g_assert_nonnull(file);
    g_assert_cmpint(file->what, ==, RL_ADOPT_FOREIGN);
    g_assert_null(file->volume);
    if (!strstr(file->note, words))
        g_error("%s: '%s', not '%s'", path, file->note, words);
}

static void
is_moved(const GPtrArray *files, const char *path, const char *volume, const char *to)
{
    const RlAdoptFile *file = file_of(files, path);

    g_assert_nonnull(file);
    g_assert_cmpint(file->what, ==, RL_ADOPT_MOVED);
    g_assert_cmpstr(file->volume, ==, volume);
    g_assert_cmpstr(file->to, ==, to);
}

static void
is_kept(const GPtrArray *files, const char *path, const char *volume, RlFileRole role)
{
    const RlAdoptFile *file = file_of(files, path);

    g_assert_nonnull(file);
    g_assert_cmpint(file->what, ==, RL_ADOPT_KEPT);
    g_assert_cmpint(file->role, ==, role);
    g_assert_cmpstr(file->volume, ==, volume);
}

/* What a plan says of names and sizes. */
static void
test_plan(Lab *lab)
{
    static const char *const moved[] = {"web.img", "db", "x.raw", "a/b/d.raw"};
    static const char *const foreign[] = {"notes", "vm.qcow2", "e.img", "x-dirty.img", "f@1.img",
                                          "two",   "two.img",  "a.b.c", "a/plain",     ".h.img"};

    for (size_t i = 0; i < G_N_ELEMENTS(moved); i++)
        put(lab, moved[i], MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
        put(lab, foreign[i],
            strcmp(foreign[i], "notes") == 0   ? 5
            : strcmp(foreign[i], "e.img") == 0 ? 0
                                               : (off_t) MIB);
    put(lab, "a/root.img", MIB);
    put(lab, "a/root.img.3@2018-01-02T03:04:05Z", MIB);
    put(lab, "a/root-dirty.img", MIB);
    put(lab, "volumes/old.img", MIB);
    put(lab, "old", MIB);
    put(lab, "dir/x.img", MIB);
    put(lab, "dir.img", MIB);
    static const char *const twins[] = {"twin.img", "a/twin.raw", "kept.img"};
    for (size_t i = 0; i < G_N_ELEMENTS(twins); i++) {
        g_autofree char *from = lab_path(lab, i < 2 ? "twin0.img" : "a/root.img");
        g_autofree char *to = lab_path(lab, twins[i]);
        if (i == 0)
            put(lab, "twin0.img", MIB);
        g_assert_cmpint(link(from, to), ==, 0);
    }
    g_autofree char *link_path = lab_path(lab, "link.img");
    g_assert_cmpint(symlink("web.img", link_path), ==, 0);

    g_autoptr(GPtrArray) files = plan(lab, NULL);
    is_moved(files, "web.img", "web", "volumes/web.img");
    is_moved(files, "db", "db", "volumes/db.img");
    is_moved(files, "x.raw", "x.raw", "volumes/x.raw.img");
    is_moved(files, "a/b/d.raw", "a/b/d.raw", "a/b/d.raw.img");
    is_kept(files, "a/root.img", "a/root", RL_FILE_CLEAN);
    is_kept(files, "a/root-dirty.img", "a/root", RL_FILE_DIRTY);
    is_kept(files, "a/root.img.3@2018-01-02T03:04:05Z", "a/root", RL_FILE_REVISION);
    is_kept(files, "volumes/old.img", "old", RL_FILE_CLEAN);
    is_foreign(files, "notes", "--raw");
    is_foreign(files, "vm.qcow2", "qcow2");
    is_foreign(files, "e.img", "empty");
    is_foreign(files, "x-dirty.img", "'-dirty'");
    is_foreign(files, "f@1.img", "revision");
    is_foreign(files, "two", "'two.img'");
    is_foreign(files, "two.img", "'two'");
    is_foreign(files, "a.b.c", "--raw");
    is_foreign(files, "a/plain", "--raw");
    is_foreign(files, ".h.img", "hidden");
    is_foreign(files, "old", "'volumes/old.img'");
    is_foreign(files, "dir.img", "'dir'");
    is_foreign(files, "link.img", "symbolic link");
    is_foreign(files, "twin0.img", "hard link of 'a/twin.raw'");
    is_foreign(files, "twin.img", "hard link of 'a/twin.raw'");
    is_foreign(files, "a/twin.raw", "hard link of 'twin");
    is_foreign(files, "kept.img", "hard link of 'a/root.img'");
    g_assert_null(file_of(files, RL_POOL_MARKER));
    g_assert_true(rl_adopt_find(files, "web", RL_FILE_CLEAN) == file_of(files, "web.img"));

    static const char *const raw[] = {"a.b.c", "a/plain", "vm.qcow2", NULL};
    g_autoptr(GPtrArray) asked = plan(lab, raw);
    is_moved(asked, "a.b.c", "a.b.c", "volumes/a.b.c.img");
    is_moved(asked, "a/plain", "a/plain", "a/plain.img");
    is_moved(asked, "vm.qcow2", "vm.qcow2", "volumes/vm.qcow2.img");

    static const char *const missing[] = {"none", NULL}, *const no_file[] = {"link.img", NULL};
    GError *error = NULL;
    g_assert_null(rl_adopt_plan(lab->pool->root, missing, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, "'none'");
    g_assert_null(rl_adopt_plan(lab->pool->root, no_file, &error));
    take_error(error, RL_ERROR_INVALID, "'link.img' & symbolic link");
}

static void
move_fails(Lab *lab, const RlAdoptFile *file, int code, const char *words)
{
    g_autofree char *before = list_tree(lab->path);
    GError *error = NULL;

    g_assert_false(rl_adopt_move(lab->pool, file, &error));
    take_error(error, code, words);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
move(Lab *lab, const RlAdoptFile *file)
{
    GError *error = NULL;

    g_assert_true(rl_adopt_move(lab->pool, file, &error));
    g_assert_no_error(error);
}

/* A plain image is the same inode under its new name, and a volume like others. */
static void
test_move(Lab *lab)
{
    put(lab, "web", MIB);
    g_autofree char *old = lab_path(lab, "web"), *new = lab_path(lab, "volumes/web.img");
    set_mtime(old, 1500000000, 0);
    ino_t inode = look(old).st_ino;
    g_autoptr(GPtrArray) files = plan(lab, NULL);

    GError *busy = NULL;
    g_assert_true(rl_adopt_require_unused(lab->pool->root, file_of(files, "web"), &busy));
    int writer = open(old, O_WRONLY | O_CLOEXEC);
    g_assert_false(rl_adopt_require_unused(lab->pool->root, file_of(files, "web"), &busy));
    take_error(g_steal_pointer(&busy), RL_ERROR_BUSY, "web");
    close(writer);
    move(lab, file_of(files, "web"));
    g_assert_false(is_there(old));
    g_assert_false(rl_adopt_require_unused(lab->pool->root, file_of(files, "web"), &busy));
    g_clear_error(&busy);
    g_assert_cmpuint(look(new).st_ino, ==, inode);
    g_assert_cmpint(lab_state(lab, "web"), ==, RL_STATE_STOPPED);
    lab_run(lab, "web", "written");
    assert_revisions(lab, "web", "1");
    revision_is(lab, "web", "1", "web");

    /* What is not the same file any more. */
    put(lab, "db.img", MIB);
    g_autoptr(GPtrArray) then = plan(lab, NULL);
    g_autofree char *db = lab_path(lab, "db.img"), *away = lab_path(lab, "away");
    g_assert_cmpint(rename(db, away), ==, 0);
    put(lab, "db.img", MIB);
    GError *error = NULL;
    g_assert_false(rl_adopt_move(lab->pool, file_of(then, "db.img"), &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'db.img' & another file");
}

/* What came since the plan was made. */
static void
test_in_the_way(Lab *lab)
{
    put(lab, "web", MIB);
    g_autoptr(GPtrArray) files = plan(lab, NULL);
    const RlAdoptFile *file = file_of(files, "web");
    g_autofree char *volumes = lab_path(lab, "volumes"), *web = lab_path(lab, "web");
    g_assert_cmpint(g_mkdir_with_parents(volumes, 0755), ==, 0);

    int fd = open(web, O_RDWR | O_CLOEXEC);
    move_fails(lab, file, RL_ERROR_BUSY, "'web' & open for writing");
    close(fd);
    put(lab, "web.img", MIB);
    move_fails(lab, file, RL_ERROR_NAME, "web.img");
    g_autofree char *other = lab_path(lab, "web.img");
    g_assert_cmpint(unlink(other), ==, 0);
    put(lab, "volumes/web.img.3@2018-01-02T03:04:05Z", MIB);
    move_fails(lab, file, RL_ERROR_STATE, "web");
    put(lab, "volumes/web.img", MIB);
    move_fails(lab, file, RL_ERROR_EXISTS, "'web', which exists");
}

/* A crash between the steps: the same plan is made again, and carried out to its end. */
static void
test_cut_off(Lab *lab)
{
    put(lab, "one", MIB);
    put(lab, "two.img", MIB);
    put(lab, "volumes/three.img", MIB);
    g_autofree char *both = lab_path(lab, "volumes/two.img"), *two = lab_path(lab, "two.img");
    g_assert_cmpint(link(two, both), ==, 0);
    g_autofree char *record = lab_path(lab, "volumes/one.volume.xml");
    GError *error = NULL;
    g_autoptr(GPtrArray) files = plan(lab, NULL);

    is_moved(files, "one", "one", "volumes/one.img");
    is_moved(files, "two.img", "two", "volumes/two.img");
    is_kept(files, "volumes/three.img", "three", RL_FILE_CLEAN);
    move(lab, file_of(files, "one"));
    move(lab, file_of(files, "two.img"));
    assert_list(lab->path, RL_POOL_MARKER " volumes");
    g_assert_cmpuint(look(both).st_nlink, ==, 1);
    g_autoptr(GPtrArray) after = plan(lab, NULL);
    for (guint i = 0; i < after->len; i++)
        g_assert_cmpint(((RlAdoptFile *) g_ptr_array_index(after, i))->what, ==, RL_ADOPT_KEPT);
    g_assert_no_error(error);
}

static void
kind_is(Lab *lab, const char *name, RlKind kind, uint64_t capacity)
{
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, name, NULL);
    uint64_t has;

    g_assert_nonnull(volume);
    g_assert_cmpint(volume->kind, ==, kind);
    g_assert_true(rl_volume_capacity(volume, &has, NULL));
    g_assert_cmpuint(has, ==, capacity);
}

static void
test_records(Lab *lab)
{
    GError *error = NULL;

    put(lab, "t/root.img", MIB);
    put(lab, "a/volatile-dirty.img", 2 * MIB);
    put(lab, "a/root-dirty.img", MIB);
    g_autofree char *from = lab_path(lab, "t/root.img"), *to = lab_path(lab, "a/root.img");
    g_assert_cmpint(link(from, to), ==, 0);

    g_assert_true(rl_adopt_snapshot(lab->pool, "a/root", "t/root", &error));
    g_assert_true(rl_adopt_snapshot(lab->pool, "b/root", "t/root", &error));
    g_assert_true(rl_adopt_snapshot(lab->pool, "b/root", "t/root", &error));
    g_assert_true(rl_adopt_volatile(lab->pool, "a/volatile", 0, &error));
    g_assert_true(rl_adopt_volatile(lab->pool, "a/volatile", 0, &error));
    g_assert_true(rl_adopt_volatile(lab->pool, "b/volatile", 1000, &error));
    g_assert_no_error(error);
    kind_is(lab, "a/root", RL_KIND_SNAPSHOT, MIB);
    kind_is(lab, "b/root", RL_KIND_SNAPSHOT, MIB);
    kind_is(lab, "a/volatile", RL_KIND_VOLATILE, 2 * MIB);
    kind_is(lab, "b/volatile", RL_KIND_VOLATILE, 1024);
    g_assert_cmpint(lab_state(lab, "a/root"), ==, RL_STATE_STOPPED);
    g_assert_cmpint(lab_state(lab, "a/volatile"), ==, RL_STATE_FOREIGN);
    image_is(lab, "a/volatile", RL_FILE_DIRTY, "a/volatile-dirty.img");
    lab_start(lab, "b/root", &alice);
    image_is(lab, "b/root", RL_FILE_DIRTY, "t/root.img");

    g_assert_false(rl_adopt_snapshot(lab->pool, "t/root", "t/root", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "'t/root'");
    g_assert_false(rl_adopt_snapshot(lab->pool, "c/root", "a/root", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "'a/root'");
    g_assert_false(rl_adopt_snapshot(lab->pool, "c/root", "c/none", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, "'c/none'");
    put(lab, "c/root.img", MIB);
    g_assert_false(rl_adopt_snapshot(lab->pool, "c/root", "t/root", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_EXISTS, "'c/root'");
    g_assert_false(rl_adopt_volatile(lab->pool, "c/root", MIB, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_EXISTS, "'c/root'");
    g_assert_false(rl_adopt_volatile(lab->pool, "c/none", 0, &error));
    take_error(error, RL_ERROR_INVALID, "'c/none' & size");
}

void
add_tests(void)
{
    lab_add("/adopt/plan", test_plan);
    lab_add("/adopt/move", test_move);
    lab_add("/adopt/in-the-way", test_in_the_way);
    lab_add("/adopt/cut-off", test_cut_off);
    lab_add("/adopt/records", test_records);
}
