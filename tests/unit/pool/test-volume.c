/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/pool/volume.h"

#include "common/base/autofd.h"
#include "common/format/image-id.h"
#include "common/fs/inode.h"
#include "common/image/content.h"
#include "common/image/dirty-image.h"
#include "common/operation/maintenance.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"
#include "xml/domain-disks.h"
#include "xml/domain.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"

static RlVolume *
open_volume(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;
    RlVolume *volume = rl_volume_open(lab->pool, name, &error);

    g_assert_no_error(error);
    return volume;
}

static void
put(Lab *lab, const char *relative, const char *text)
{
    g_autofree char *path = lab_path(lab, relative);

    make_file(path, text);
}

static void
test_exists(Lab *lab)
{
    GError *error = NULL;
    g_autoptr(RlVolume) missing = open_volume(lab, V);

    g_assert_cmpint(missing->dir, ==, -1);
    g_assert_false(rl_volume_exists(missing));
    g_assert_null(rl_volume_find(lab->pool, V, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'a/b/private'");
    error = NULL;
    g_assert_null(rl_volume_open(lab->pool, V "@7", &error));
    take_error(error, RL_ERROR_NAME, "revision");

    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_refresh(missing, NULL));
    g_assert_true(rl_volume_exists(missing));
    g_assert_true(missing->clean.there && !missing->dirty.there);
    put(lab, "a/b/d-dirty.img", "");
    g_autoptr(RlVolume) orphan = open_volume(lab, "a/b/d");
    g_assert_true(rl_volume_exists(orphan));
    put(lab, "a/b/p-precache.img", "");
    g_autoptr(RlVolume) precache = open_volume(lab, "a/b/p");
    g_assert_false(rl_volume_exists(precache));
    rl_volume_close(NULL);
}

static void
test_images_win(Lab *lab)
{
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    put(lab, "volumes/tmp.img", "data");
    g_autoptr(RlVolume) tmp = open_volume(lab, "tmp");
    g_assert_cmpint(tmp->kind, ==, RL_KIND_PERSISTENT);
    g_assert_true(tmp->contradictory);

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    put(lab, "db/main-dirty.img", "data");
    g_autoptr(RlVolume) direct = open_volume(lab, "db/main");
    g_assert_cmpint(direct->kind, ==, RL_KIND_PERSISTENT);
    g_assert_true(direct->contradictory);
}

static void
test_damaged_record(Lab *lab)
{
    GError *error = NULL;

    put(lab, "a/b/private.volume.xml", "<nonsense");
    g_assert_null(rl_volume_open(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_XML, "private.volume.xml");
    put(lab, "a/b/private.img", "data");
    g_autoptr(RlVolume) volume = open_volume(lab, V);
    g_assert_true(volume->contradictory);
    g_assert_cmpint(volume->kind, ==, RL_KIND_PERSISTENT);
    g_assert_null(volume->record);

    /* One image is enough for that, whichever; and a link is no record, wherever it leads. */
    g_autofree char *record = lab_file(lab, V, RL_FILE_RECORD);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_assert_cmpint(rename(clean, dirty), ==, 0);
    for (int i = 0; i < 2; i++) {
        g_assert_true(rl_volume_refresh(volume, &error));
        g_assert_no_error(error);
        g_assert_true(volume->contradictory);
        g_assert_true(volume->dirty.there);
        g_assert_cmpint(volume->kind, ==, RL_KIND_PERSISTENT);
        unlink(record);
        g_assert_cmpint(symlink("/etc/passwd", record), ==, 0);
    }
}

/* A record is a few lines; a huge one is damage, and no memory is spent on it. */
static void
test_huge_record(Lab *lab)
{
    g_autofree char *record = lab_file(lab, V, RL_FILE_RECORD);
    GError *error = NULL;

    put(lab, "a/b/private.volume.xml", "");
    set_size(record, 1024 * (off_t) MIB);
    g_assert_null(rl_volume_open(lab->pool, V, &error));
    take_error(error, RL_ERROR_INVALID, "larger");
}

static void
test_strange_files(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"), *clean = lab_path(lab, "a/b/private.img");
    g_autofree char *link = lab_path(lab, "link");
    GError *error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_cmpint(mkfifo(clean, 0600), ==, 0);
    g_assert_null(rl_volume_open(lab->pool, V, &error));
    take_error(error, RL_ERROR_INVALID, "'a/b/private' & 'private.img'");
    g_assert_cmpint(unlink(clean), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", clean), ==, 0);
    error = NULL;
    g_assert_null(rl_volume_open(lab->pool, V, &error));
    take_error(error, RL_ERROR_INVALID, "'private.img'");
    g_assert_cmpint(symlink("/", link), ==, 0);
    error = NULL;
    g_assert_null(rl_volume_open(lab->pool, "link/etc/passwd", &error));
    take_errno(error, ELOOP, "link/etc");
}

/* The directory may be removed and made again while somebody waits for the lock. */
static void
test_lock_looks_again(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"), *file = lab_path(lab, "a/b/private.img");
    GError *error = NULL;

    put(lab, "a/b/private.img", "old");
    g_autoptr(RlVolume) volume = open_volume(lab, V);
    g_assert_cmpint(unlink(file), ==, 0);
    g_assert_cmpint(rmdir(dir), ==, 0);
    put(lab, "a/b/private.img", "newer");
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "test", &error);
    g_assert_nonnull(lock);
    g_assert_true(volume->clean.there);
    g_assert_cmpint(volume->clean.st.st_size, ==, 5);
    g_assert_null(rl_lock_take(lab->pool->dev, lab->pool->ino, V, "again", 0, NULL));
}

static uint64_t
capacity_of(Lab *lab, const char *name)
{
    g_autoptr(RlVolume) volume = open_volume(lab, name);
    uint64_t capacity = 0;

    g_assert_true(rl_volume_capacity(volume, &capacity, NULL));
    return capacity;
}

static void
test_capacity(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *source = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "large", RL_KIND_SNAPSHOT, V, NULL, 8 * MIB);
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, 3 * MIB);
    g_assert_cmpuint(capacity_of(lab, V), ==, MIB);
    lab_start(lab, V, &alice);
    set_size(dirty, 2 * MIB);
    g_assert_cmpuint(capacity_of(lab, V), ==, 2 * MIB);
    g_assert_cmpuint(capacity_of(lab, "snap"), ==, MIB);
    g_assert_cmpuint(capacity_of(lab, "large"), ==, 8 * MIB);
    g_assert_cmpuint(capacity_of(lab, "tmp"), ==, 3 * MIB);
    g_assert_cmpint(unlink(source), ==, 0);
    g_assert_cmpuint(capacity_of(lab, "snap"), ==, 0);
}

static void
source_is(Lab *lab, const char *name, bool live, const char *text, const char *path)
{
    g_autoptr(GError) error = NULL;
    rl_autofd int fd = rl_content_open(lab->pool, name, live, &error);
    g_autofree char *there = rl_content_path(lab->pool, name, live, NULL);
    char read[16] = "";

    g_assert_no_error(error);
    g_assert_cmpint(pread(fd, read, sizeof(read) - 1, 0), >, 0);
    g_assert_cmpstr(read, ==, text);
    g_assert_true(g_str_has_prefix(there, path));
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
}

static void
no_source(Lab *lab, const char *name, int code, const char *words)
{
    GError *error = NULL;

    g_assert_cmpint(rl_content_open(lab->pool, name, false, &error), ==, -1);
    take_error(error, code, words);
    error = NULL;
    g_assert_null(rl_content_path(lab->pool, name, false, &error));
    take_error(error, code, words);
}

static void
test_sources(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    put(lab, "a/b/private.img@label", "named");
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    source_is(lab, V, false, "two", "a/b/private.img");
    source_is(lab, V, true, "three", "a/b/private-dirty.img");
    source_is(lab, V "@1", false, "one", "a/b/private.img.1@20");
    source_is(lab, V "@label", true, "named", "a/b/private.img@label");
}

static void
test_what_is_no_source(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, "db/main", &alice);
    no_source(lab, "snap", RL_ERROR_UNSUPPORTED, "'a/b/private'");
    no_source(lab, "tmp", RL_ERROR_UNSUPPORTED, "'tmp'");
    no_source(lab, "db/main", RL_ERROR_STATE, "running & 'db/main'");
    no_source(lab, "missing", RL_ERROR_NOT_FOUND, "'missing'");
    no_source(lab, V "@9", RL_ERROR_NOT_FOUND, "'a/b/private@9'");
    no_source(lab, "x/y/z@label", RL_ERROR_NOT_FOUND, "'x/y/z@label'");
    no_source(lab, V "@current", RL_ERROR_INVALID, "'a/b/private'");
    no_source(lab, "../a", RL_ERROR_NAME, "'.'");
}

static void
test_base(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlVolume) volume = open_volume(lab, V);
    g_autoptr(RlBase) base = rl_base_open(volume, &error);
    g_assert_no_error(error);
    g_assert_true(rl_base_is_current(base, volume));
    {
        rl_autofd int fd = rl_dirty_make(volume, base, &error);
        struct stat st;
        g_assert_no_error(error);
        g_assert_cmpint(fstat(fd, &st), ==, 0);
        g_assert_true(rl_dirty_is_unwritten(volume, base, &st));
        g_assert_cmpuint(st.st_nlink, ==, 0);
    }
    /* The same file and date: another run has ended meanwhile. */
    g_assert_true(rl_image_id_new(base->fd, 0, NULL));
    g_assert_false(rl_base_is_current(base, volume));
    g_autoptr(RlBase) again = rl_base_open(volume, &error);
    g_assert_true(rl_base_is_current(again, volume));
    lab_run(lab, V, "two");
    g_assert_true(rl_volume_refresh(volume, NULL));
    g_assert_false(rl_base_is_current(again, volume));

    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, "x/gone", NULL, 0);
    g_autoptr(RlVolume) snap = open_volume(lab, "snap");
    g_assert_null(rl_base_open(snap, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "gone & 'snap' & 'x/gone'");
    rl_base_close(NULL);
}

/* No snapshot of what has no clean image, a running direct volume or another snapshot. */
static void
test_base_not_at_rest(Lab *lab)
{
    const char *const sources[] = {"db/main", "tmp", "snap0"};
    GError *error = NULL;

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, "db/main", &alice);
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
        g_autofree char *name = g_strdup_printf("snap%zu", i);
        g_autofree char *words = g_strdup_printf("'%s' & no clean", sources[i]);
        lab_create_kind(lab, name, RL_KIND_SNAPSHOT, sources[i], NULL, 0);
        g_assert_null(rl_volume_start(lab->pool, name, &bob, 0, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_STATE, words);
    }
    lab_create_kind(lab, "own", RL_KIND_SNAPSHOT, "own", NULL, 0);
    lab_start_fails(lab, "own", &bob, RL_ERROR_STATE, "no clean");
    lab_create_kind(lab, "odd", RL_KIND_SNAPSHOT, "../../etc/passwd", NULL, 0);
    g_assert_null(rl_volume_start(lab->pool, "odd", &bob, 0, &error));
    take_error(error, RL_ERROR_NAME, "'.'");
}

/* Without reflinks and without leave to copy nothing is started, and nothing left. */
static void
test_no_way_to_clone(Lab *lab)
{
    g_autoptr(RlOptions) options = rl_options_new();

    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_pool_set_options(lab->pool, options, NULL));
    g_autofree char *before = list_tree(lab->path);
    lab_start_fails(lab, V, &alice, RL_ERROR_UNSUPPORTED, "'a/b/private'");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
test_state_words(Lab *lab)
{
    g_autoptr(RlVolume) volume = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    GError *error = NULL;
    RlState state;

    lab_create(lab, V, "one", MIB);
    volume = open_volume(lab, V);
    g_assert_true(rl_state_get(volume, &state, &run, NULL));
    g_assert_cmpstr(rl_state_to_string(state), ==, "stopped");
    g_assert_null(run);
    g_assert_true(rl_state_require_idle(volume, "petted", NULL));
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_refresh(volume, NULL));
    g_assert_true(rl_state_get(volume, &state, &run, NULL));
    g_assert_cmpstr(rl_state_to_string(state), ==, "running");
    g_assert_cmpstr(run->name, ==, "alice");
    g_assert_false(rl_state_require_idle(volume, "petted", &error));
    take_error(error, RL_ERROR_STATE, "running & 'a/b/private' & 'alice'");
}

/* Inodes of two file systems may have one number. */
static void
test_same_number_elsewhere(Lab *lab)
{
    struct stat here = look(lab->path), there = here;

    g_assert_true(rl_stat_same(&here, &there));
    there.st_dev++;
    g_assert_false(rl_stat_same(&here, &there));
}

static void
test_nothing_to_free(void)
{
    rl_volume_close(NULL);
    rl_revision_free(NULL);
    rl_started_free(NULL);
    rl_disk_free(NULL);
    rl_domain_free(NULL);
}

/* A pool inside of the pool has volumes of its own, which are not to be had by two names. */
static void
test_in_another_pool(Lab *lab)
{
    const char *const names[] = {"a/x", "a/b/c/x", "a/none/x"};
    g_autofree char *dir = lab_path(lab, "a/b/c"), *marker = lab_path(lab, "a/" RL_POOL_MARKER);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    make_file(marker, "");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        GError *error = NULL;
        g_assert_null(rl_volume_open(lab->pool, names[i], &error));
        take_error(error, RL_ERROR_INVALID, "'a' of pool '");
    }
    g_assert_cmpint(unlink(marker), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, names[i], NULL);
        g_assert_nonnull(volume);
    }
}

void
add_tests(void)
{
    lab_add("/volume/exists", test_exists);
    lab_add("/volume/images-win", test_images_win);
    lab_add("/volume/damaged-record", test_damaged_record);
    lab_add("/volume/huge-record", test_huge_record);
    lab_add("/volume/strange-files", test_strange_files);
    lab_add("/volume/lock-looks-again", test_lock_looks_again);
    lab_add("/volume/capacity", test_capacity);
    lab_add("/source/what-is-read", test_sources);
    lab_add("/source/what-is-none", test_what_is_no_source);
    lab_add("/dirty/base", test_base);
    lab_add("/dirty/base-not-at-rest", test_base_not_at_rest);
    lab_add_on("/dirty/no-way-to-clone", "ext4", test_no_way_to_clone);
    lab_add("/state/words", test_state_words);
    lab_add("/stat/same-number-elsewhere", test_same_number_elsewhere);
    g_test_add_func("/volume/nothing-to-free", test_nothing_to_free);
    lab_add("/volume/in-another-pool", test_in_another_pool);
}
