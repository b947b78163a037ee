/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What Qubes OS's driver leaves when its host crashes. */
#include "harness/lab.h"

#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/pool/hardlinks.h"

#include <string.h>
#include <unistd.h>

#define TEMPLATE "vm-templates/t/root"
#define APP "appvms/a/root"

static void
put(Lab *lab, const char *name, RlFileRole role, const char *text)
{
    g_autofree char *path = lab_file(lab, name, role);
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    make_file(path, text);
    set_size(path, MIB);
    set_mtime(path, 1500000000, 0);
}

/* The template at rest, and a snapshot of it that runs. */
static void
crash(Lab *lab)
{
    put(lab, TEMPLATE, RL_FILE_CLEAN, "template");
    put(lab, APP, RL_FILE_DIRTY, "junk");
    g_autofree char *from = lab_file(lab, TEMPLATE, RL_FILE_CLEAN);
    g_autofree char *to = lab_file(lab, APP, RL_FILE_CLEAN);
    g_assert_cmpint(link(from, to), ==, 0);
}

static void
app_is_refused(Lab *lab)
{
    GError *error = NULL;

    lab_start_fails(lab, APP, &alice, RL_ERROR_STATE, "'" TEMPLATE "'");
    lab_stop_fails(lab, APP, NULL, RL_ERROR_STATE, "'" TEMPLATE "'");
    g_assert_false(rl_volume_continue(lab->pool, APP, &error));
    take_error(error, RL_ERROR_STATE, "'virt-reflink discard'");
    image_is(lab, APP, RL_FILE_DIRTY, "junk");
    image_is(lab, APP, RL_FILE_CLEAN, "template");
}

static void
app_becomes_snapshot(Lab *lab, const char *text)
{
    GError *error = NULL;

    g_assert_true(rl_volume_discard(lab->pool, APP, &error));
    g_assert_no_error(error);
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, APP, NULL);
    g_assert_cmpint(volume->kind, ==, RL_KIND_SNAPSHOT);
    g_assert_cmpstr(volume->record->source, ==, TEMPLATE);
    lab_start(lab, APP, &alice);
    image_is(lab, APP, RL_FILE_DIRTY, text);
    lab_stop(lab, APP, &alice, RL_STOP_DROPPED);
}

static void
test_running_snapshot(Lab *lab)
{
    crash(lab);
    app_is_refused(lab);
    lab_run(lab, TEMPLATE, "newer"); /* is not refused for it */
    image_is(lab, TEMPLATE, RL_FILE_CLEAN, "newer");
    /* Now its clean image is a revision of the template. */
    app_is_refused(lab);
    app_becomes_snapshot(lab, "newer");
    revision_is(lab, TEMPLATE, "1", "template");
}

static void
test_snapshot_of_what_is_at_rest(Lab *lab)
{
    crash(lab);
    app_becomes_snapshot(lab, "template");
    g_autofree char *clean = lab_file(lab, TEMPLATE, RL_FILE_CLEAN);
    g_assert_cmpuint(look(clean).st_nlink, ==, 1);
    lab_run(lab, TEMPLATE, "newer");
}

/* Which is the snapshot of the other cannot be told before a person has decided about one. */
static void
test_both_running(Lab *lab)
{
    GError *error = NULL;

    crash(lab);
    put(lab, TEMPLATE, RL_FILE_DIRTY, "written");
    lab_start_fails(lab, TEMPLATE, &alice, RL_ERROR_STATE, "one file");
    lab_start_fails(lab, APP, &alice, RL_ERROR_STATE, "one file");
    lab_stop_fails(lab, APP, NULL, RL_ERROR_STATE, "no attributes of the pool");
    g_assert_true(rl_volume_continue(lab->pool, TEMPLATE, &error));
    app_is_refused(lab);
    lab_start(lab, TEMPLATE, &bob);
    image_is(lab, TEMPLATE, RL_FILE_DIRTY, "written");
    lab_stop(lab, TEMPLATE, &bob, RL_STOP_COMMITTED);
    app_becomes_snapshot(lab, "written");
}

static void
test_direct(Lab *lab)
{
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    GError *error = NULL;

    put(lab, "appvms/a/private", RL_FILE_DIRTY, "data");
    g_assert_false(rl_volume_continue(lab->pool, "appvms/a/private", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "kind='direct'");
    rl_options_add_rule(options, "*/*/private", -1, RL_KIND_DIRECT);
    g_assert_true(rl_pool_set_options(lab->pool, options, NULL));
    lab_start_fails(lab, "appvms/a/private", &alice, RL_ERROR_STATE, "no clean");
    g_assert_true(rl_volume_continue(lab->pool, "appvms/a/private", &error));
    g_assert_no_error(error);
    lab_start(lab, "appvms/a/private", &alice);
    image_is(lab, "appvms/a/private", RL_FILE_DIRTY, "data");
    lab_stop(lab, "appvms/a/private", &alice, RL_STOP_RETURNED);
    image_is(lab, "appvms/a/private", RL_FILE_CLEAN, "data");
}

static void
test_leftovers(Lab *lab)
{
    static const char *const names[] = {"private.img~3kq9x_2z", "private-dirty.img~abcd1234",
                                        "private.img~original", "private.img~20180102"};
    g_autofree char *dir = lab_path(lab, "appvms/a");

    put(lab, "appvms/a/private", RL_FILE_CLEAN, "data");
    put(lab, "appvms/a/private", RL_FILE_IMPORT, "half");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        make_file(path, "temp");
    }
    lab_run(lab, "appvms/a/private", "two");
    g_assert_true(image_is_there(lab, "appvms/a/private", RL_FILE_IMPORT));
    g_autofree char *first = g_build_filename(dir, names[0], NULL);
    g_assert_true(is_there(first));
    g_assert_true(rl_volume_delete(lab->pool, "appvms/a/private", 0, NULL));
    /* These are somebody's backups. */
    g_assert_false(is_there(first));
    for (size_t i = 2; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        g_assert_true(is_there(path));
    }
}

void
add_tests(void)
{
    lab_add("/peer/running-snapshot", test_running_snapshot);
    lab_add("/peer/snapshot-of-what-is-at-rest", test_snapshot_of_what_is_at_rest);
    lab_add("/peer/both-running", test_both_running);
    lab_add("/peer/direct", test_direct);
    lab_add("/peer/leftovers", test_leftovers);
}
