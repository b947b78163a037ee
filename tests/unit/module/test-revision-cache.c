/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Which revisions volumes have, asked again and again while they come and go: what is remembered of
 * a directory never hides a change that has happened. */
#include "backend/module/revision-cache.h"

#include "harness/lab.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define VOLUMES 100

static char *
leaf_of(int number)
{
    return g_strdup_printf("v%d", number);
}

static char *
path_of(Lab *lab, const char *dir, int volume, int number)
{
    g_autofree char *leaf = leaf_of(volume);
    g_autofree char *file = rl_file_name_revision(leaf, (uint64_t) number, 1577934245);

    return g_build_filename(lab->path, dir, file, NULL);
}

static void
put(Lab *lab, const char *dir, int volume, int number)
{
    g_autofree char *path = path_of(lab, dir, volume, number);

    make_file(path, "x");
}

static void
take(Lab *lab, const char *dir, int volume, int number)
{
    g_autofree char *path = path_of(lab, dir, volume, number);

    g_assert_cmpint(unlink(path), ==, 0);
}

static void
make_volumes(Lab *lab, const char *dir)
{
    g_autofree char *path = lab_path(lab, dir);

    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    for (int i = 0; i < VOLUMES; i++) {
        g_autofree char *name = g_strdup_printf("%s/v%d", dir, i);
        g_autofree char *image = lab_file(lab, name, RL_FILE_CLEAN);
        make_file(image, "x");
    }
}

/* What is remembered of the volume is what a fresh look at its directory finds. */
static void
asked(Lab *lab, const char *dir, int number, guint wanted)
{
    g_autofree char *name = g_strdup_printf("%s/v%d", dir, number);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, NULL);
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, NULL);
    g_autofree char *right = rl_revision_cache_join(revisions);
    g_autofree char *files = rl_revision_cache_on_disk(volume);

    g_assert_cmpstr(files, ==, right);
    g_assert_cmpuint(revisions->len, ==, wanted);
}

static guint
count_watches(void)
{
    g_autoptr(GDir) fds = g_dir_open("/proc/self/fd", 0, NULL);
    const char *fd;
    guint n = 0;

    while ((fd = g_dir_read_name(fds))) {
        g_autofree char *path = g_build_filename("/proc/self/fd", fd, NULL);
        g_autofree char *target = g_file_read_link(path, NULL);
        n += g_strcmp0(target, "anon_inode:inotify") == 0;
    }
    return n;
}

/* The directory is watched from here on: it was asked about while it changed. */
static void
begin_watch(Lab *lab, const char *dir)
{
    asked(lab, dir, 0, 0);
    put(lab, dir, 1, 1);
    asked(lab, dir, 0, 0);
    g_assert_cmpuint(count_watches(), ==, 1);
    asked(lab, dir, 1, 1);
}

static void
test_changes(Lab *lab)
{
    make_volumes(lab, "many");
    begin_watch(lab, "many");
    for (int i = 2; i < 50; i++) {
        put(lab, "many", i, 7);
        asked(lab, "many", i, 1);
        asked(lab, "many", i + 1, 0);
        put(lab, "many", i, 8);
        take(lab, "many", i, 7);
        asked(lab, "many", i, 1);
        g_assert_cmpuint(count_watches(), ==, 1);
    }
    asked(lab, "many", 1, 1);
    rl_revision_cache_forget(lab->pool->path);
    g_assert_cmpuint(count_watches(), ==, 0);
}

/* By the product's own operations. */
static void
test_runs(Lab *lab)
{
    lab_options(lab, 2);
    make_volumes(lab, "many");
    begin_watch(lab, "many");
    lab_create(lab, "many/run", "", MIB);
    for (guint i = 1; i <= 3; i++) {
        lab_run(lab, "many/run", "x");
        g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, "many/run", NULL);
        g_autofree char *files = rl_revision_cache_on_disk(volume);
        g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, "run", NULL);
        g_autofree char *right = rl_revision_cache_join(revisions);
        g_assert_cmpuint(revisions->len, ==, MIN(i, 2));
        g_assert_cmpstr(files, ==, right);
    }
    rl_revision_cache_forget(lab->pool->path);
}

/* Another directory at the same path, also one that is moved there and back. */
static void
test_other_directory(Lab *lab)
{
    g_autofree char *many = lab_path(lab, "many");
    g_autofree char *away = lab_path(lab, "away");

    make_volumes(lab, "many");
    begin_watch(lab, "many");
    g_assert_cmpint(rename(many, away), ==, 0);
    make_volumes(lab, "many");
    asked(lab, "many", 1, 0);
    put(lab, "away", 2, 1);
    put(lab, "many", 3, 1);
    asked(lab, "many", 2, 0);
    asked(lab, "many", 3, 1);
    g_assert_cmpint(renameat2(AT_FDCWD, many, AT_FDCWD, away, RENAME_EXCHANGE), ==, 0);
    asked(lab, "many", 1, 1);
    asked(lab, "many", 2, 1);
    asked(lab, "many", 3, 0);
    rl_revision_cache_forget(lab->pool->path);
}

static void
subvolume(const char *action, const char *first, const char *second)
{
    const char *argv[] = {"btrfs", "subvolume", action, first, second, NULL};
    g_autofree char *output = NULL;
    int status;

    g_assert_true(g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                               NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

/* A subvolume gives way to a snapshot of it. The kernel gives that the same number of a device, and
 * the directory in it has the same number and dates as the one before, whose end nobody is told. */
static void
test_subvolume(Lab *lab)
{
    g_autofree char *sub = lab_path(lab, "sub");
    g_autofree char *copy = lab_path(lab, "copy");

    subvolume("create", sub, NULL);
    make_volumes(lab, "sub/many");
    begin_watch(lab, "sub/many");
    struct stat st = look(sub);
    subvolume("snapshot", sub, copy);
    subvolume("delete", sub, NULL);
    subvolume("snapshot", copy, sub);
    if (look(sub).st_dev != st.st_dev)
        g_test_message("another device");
    asked(lab, "sub/many", 1, 1);
    put(lab, "sub/many", 2, 1);
    asked(lab, "sub/many", 2, 1);
    subvolume("delete", sub, NULL);
    subvolume("delete", copy, NULL);
    rl_revision_cache_forget(lab->pool->path);
}

/* The kernel keeps no more events than so many, and nobody asks meanwhile. */
static void
test_overflow(Lab *lab)
{
    g_autofree char *text = NULL;

    make_volumes(lab, "many");
    begin_watch(lab, "many");
    g_assert_true(g_file_get_contents("/proc/sys/fs/inotify/max_queued_events", &text, NULL, NULL));
    for (guint64 i = 0; i < g_ascii_strtoull(text, NULL, 10) / 2 + 10; i++) {
        put(lab, "many", 2, 1);
        take(lab, "many", 2, 1);
    }
    put(lab, "many", 3, 1);
    asked(lab, "many", 3, 1);
    asked(lab, "many", 2, 0);
    put(lab, "many", 2, 1);
    asked(lab, "many", 2, 1);
    rl_revision_cache_forget(lab->pool->path);
}

/* A directory of a few names is read: no watch is spent on it. */
static void
test_few(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "few");

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    for (int i = 1; i < 10; i++) {
        put(lab, "few", 1, i);
        asked(lab, "few", 1, (guint) i);
    }
    g_assert_cmpuint(count_watches(), ==, 0);
    rl_revision_cache_forget(lab->pool->path);
}

void
add_tests(void)
{
    lab_add("/revision-cache/changes", test_changes);
    lab_add("/revision-cache/runs", test_runs);
    lab_add("/revision-cache/other-directory", test_other_directory);
    lab_add_on("/revision-cache/subvolume", "btrfs", test_subvolume);
    lab_add("/revision-cache/overflow", test_overflow);
    lab_add("/revision-cache/few", test_few);
}
