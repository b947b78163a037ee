/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/pool/census.h"

#include "common/operation/delete.h"
#include "harness/disturb.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DIRECTORIES 120

static const char *name;

static char *
census_path(Lab *lab)
{
    return g_strdup_printf("%s/%lx-%lx/census", RL_LOCK_DIR, (unsigned long) lab->pool->dev,
                           (unsigned long) lab->pool->ino);
}

ATTEMPT(start_alice, try_start(lab, name, &alice, error))

/* How often a directory is read on the way to the start of @volume. */
static guint
readings_of_start(Lab *lab, const char *volume)
{
    Disturbance count = {.nr = SYS_getdents64, .first = 1};
    GError *error = NULL;

    name = volume;
    bool started = disturb(lab, &count, start_alice, &error);
    g_assert_no_error(error);
    g_assert_true(started);
    return count.made;
}

/* Hard links outside of the pool, as of "cp -al"; until the clock has gone on. */
static void
back_up(Lab *lab, const char *const *names, const char *ending)
{
    g_autofree char *parent = g_path_get_dirname(lab->path);
    time_t then = time(NULL);

    for (; *names; names++) {
        g_autofree char *clean = lab_file(lab, *names, RL_FILE_CLEAN);
        g_autofree char *flat = g_strdelimit(g_strdup(*names), "/", '-');
        g_autofree char *copy = g_strconcat(parent, "/", flat, ending, NULL);
        g_assert_cmpint(link(clean, copy), ==, 0);
    }
    while (time(NULL) <= then + 2)
        g_usleep(20 * 1000);
}

/* One look through the pool for each backup, whatever the number of volumes. */
static void
test_backup(Lab *lab)
{
    const char *const names[] = {"vm/a/root", "vm/b/root", "vm/c/root", NULL};

    for (int i = 0; names[i]; i++)
        lab_create(lab, names[i], "one", MIB);
    for (int i = 0; i < DIRECTORIES; i++) {
        g_autofree char *relative = g_strdup_printf("other/%d", i), *path = lab_path(lab, relative);
        g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    }
    for (int round = 0; round < 2; round++) {
        back_up(lab, names, round ? ".tuesday" : ".monday");
        g_assert_cmpuint(readings_of_start(lab, names[0]), >, DIRECTORIES);
        g_assert_cmpuint(readings_of_start(lab, names[1]), <, 20);
        for (int i = 0; i < 2; i++) {
            lab_stop(lab, names[i], &alice, RL_STOP_UNWRITTEN);
            g_assert_cmpuint(readings_of_start(lab, names[i]), <, 20);
            lab_stop(lab, names[i], &alice, RL_STOP_UNWRITTEN);
        }
        g_assert_cmpuint(readings_of_start(lab, names[2]), <, 20);
        lab_stop(lab, names[2], &alice, RL_STOP_UNWRITTEN);
    }
}

/* What a backup's link was, or comes later, can be another volume's. */
static void
test_shared(Lab *lab)
{
    const char *const names[] = {"vm/a/root", "vm/b/root", "vm/c/root", NULL};
    g_autofree char *parent = g_path_get_dirname(lab->path);
    g_autofree char *copy = g_strconcat(parent, "/vm-a-root.monday", NULL);
    g_autofree char *in_pool = lab_path(lab, "vm/copy.img"), *twin = lab_path(lab, "vm/twin.img");
    g_autofree char *b = lab_file(lab, "vm/b/root", RL_FILE_CLEAN);

    for (int i = 0; names[i]; i++)
        lab_create(lab, names[i], "one", MIB);
    g_assert_cmpint(link(b, twin), ==, 0);
    back_up(lab, names, ".monday");
    readings_of_start(lab, "vm/c/root"); /* all are seen now */
    lab_start_fails(lab, "vm/b/root", &alice, RL_ERROR_STATE, "one file & 'vm/twin'");
    lab_start_fails(lab, "vm/twin", &alice, RL_ERROR_STATE, "one file & 'vm/b/root'");
    g_assert_cmpint(unlink(twin), ==, 0);
    readings_of_start(lab, "vm/b/root");
    g_assert_cmpint(rename(copy, in_pool), ==, 0);
    lab_start_fails(lab, "vm/a/root", &alice, RL_ERROR_STATE, "one file & 'vm/copy'");
}

static guint
count_snapshots(Lab *lab, const char *source, const char *first)
{
    g_autoptr(GPtrArray) names = rl_census_snapshots(lab->pool, source);

    if (names->len > 0)
        g_assert_cmpstr(g_ptr_array_index(names, 0), ==, first);
    return names->len;
}

ATTEMPT(look_for_snapshots, count_snapshots(lab, "templates/one", "vm/a") == 2)

static void
test_snapshots(Lab *lab)
{
    Disturbance count = {.nr = SYS_getdents64, .first = 1};
    g_autofree char *path = census_path(lab);
    GError *error = NULL;

    unlink(path); /* another pool had this number */
    lab_create(lab, "templates/one", "one", MIB);
    lab_create(lab, "templates/one-more", "two", MIB);
    lab_create_kind(lab, "vm/a", RL_KIND_SNAPSHOT, "templates/one", NULL, 0);
    lab_create_kind(lab, "vm/b", RL_KIND_SNAPSHOT, "templates/one-more", NULL, 0);
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/a"), ==, 1);
    g_assert_cmpuint(count_snapshots(lab, "templates/one-more", "vm/b"), ==, 1);
    g_assert_cmpuint(count_snapshots(lab, "templates", NULL), ==, 0);
    g_assert_cmpuint(count_snapshots(lab, "vm/a", NULL), ==, 0);

    lab_create_kind(lab, "vm/c", RL_KIND_SNAPSHOT, "templates/one", NULL, 0);
    g_assert_true(disturb(lab, &count, look_for_snapshots, &error));
    g_assert_cmpuint(count.made, ==, 0);

    g_assert_true(rl_volume_delete(lab->pool, "vm/a", 0, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/a"), ==, 2);
    g_autoptr(GPtrArray) listed = rl_scan(lab->pool, &error);
    rl_census_note(lab->pool, listed);
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/c"), ==, 1);
}

/* What is damaged, or another version's, is nothing. */
static void
test_damage(Lab *lab)
{
    g_autofree char *dir = g_strdup_printf(
        "%s/%lx-%lx", RL_LOCK_DIR, (unsigned long) lab->pool->dev, (unsigned long) lab->pool->ino);
    g_autofree char *path = g_build_filename(dir, "census", NULL);

    unlink(path);
    lab_create(lab, "templates/one", "one", MIB);
    lab_create_kind(lab, "vm/a", RL_KIND_SNAPSHOT, "templates/one", NULL, 0);
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/a"), ==, 1);
    g_assert_true(g_file_set_contents(path, "census 2\nsnapshot\ttemplates/one\tvm/b\n", -1, NULL));
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/a"), ==, 1);
    g_assert_true(
        g_file_set_contents(path, "census 1\nsnapshot\ttemplates/one\tvm/a\nsnapsh", -1, NULL));
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/a"), ==, 1);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpuint(count_snapshots(lab, "templates/one", "vm/a"), ==, 1);
}

void
add_tests(void)
{
    lab_add_on("/census/backup", "xfs btrfs", test_backup);
    lab_add_on("/census/shared", "xfs btrfs", test_shared);
    lab_add("/census/snapshots", test_snapshots);
    lab_add_on("/census/damage", "xfs", test_damage);
}
