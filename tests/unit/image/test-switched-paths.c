/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A pool gets the option that its volumes' paths are links, or loses it. */
#include "common/image/short-path.h"
#include "unit/image/linked-paths.h"

#include <string.h>

static void
test_switched(Lab *lab)
{
    lab_create(lab, "web", "one", MIB);
    lab_create(lab, "a/b", "two", MIB);
    assert_list(lab->path, ".reflink-pool.xml a volumes");
    assert_path(lab, "volumes", "web", DIRTY);
    set_links(lab, true);
    repair(lab);
    assert_link(lab, "web", CLEAN);
    lab_start(lab, "web", &alice);
    lab_create(lab, "more", "three", MIB);

    set_links(lab, false);
    rl_paths_drop(lab->pool);
    repair(lab);
    assert_link(lab, "more", NULL);
    assert_link(lab, "web", DIRTY); /* as a pool without has it */
    assert_path(lab, "volumes", "web", DIRTY);
    lab_stop(lab, "web", &alice, RL_STOP_UNWRITTEN);
    rl_short_path_tidy(lab->pool, "web");
    assert_list(lab->path, ".reflink-pool.xml a volumes");

    /* Of such a pool no link at rest is ours. */
    put_link(lab, CLEAN, "web");
    g_autofree char *named = rl_short_path_volume(lab->pool, "web");
    g_assert_null(named);
}

static char *
find_bob(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) let_go;
    return directly || except || !strstr(image, "/web-dirty.img") ? NULL : g_strdup("bob");
}

static char *
no_doubt(const char *image, const char *domain)
{
    (void) image, (void) domain;
    return NULL;
}

/* A domain that is off has an external snapshot on the path. */
static void
test_switched_below_an_overlay(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    GError *error = NULL;

    documents.find_domain = find_bob;
    documents.find_doubt = no_doubt;
    begin(lab);
    lab_create(lab, "more", "three", MIB);
    lab_create(lab, "a/b", "four", MIB);
    g_assert_true(rl_paths_require_no_base(lab->pool, &error));
    lab->pool->documents = &documents;
    g_assert_false(rl_paths_require_no_base(lab->pool, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE,
               "'web' & another path & external snapshot & 'bob'");

    /* Who builds the pool without the option leaves the links, as who copies it does. */
    set_links(lab, false);
    assert_link(lab, "web", CLEAN);
    lab_start_fails(lab, "web", &alice, RL_ERROR_STATE, "external snapshot & 'bob'");
    lab_start(lab, "more", &alice);
    lab_start(lab, "a/b", &alice);
    rl_paths_drop(lab->pool);
    lab_start(lab, "web", &alice);
    lab->pool->documents = real;
}

void
add_tests(void)
{
    lab_add("/switched-paths/switched", test_switched);
    lab_add("/switched-paths/switched-below-an-overlay", test_switched_below_an_overlay);
}
