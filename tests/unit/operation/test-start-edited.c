/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A clean image that was edited at rest, or is being edited yet, is started: no start goes on
 * without the state before, which the precache has. */
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/operation/defragment.h"
#include "common/operation/delete.h"
#include "common/operation/rename.h"
#include "common/operation/resize.h"
#include "common/pool/writers.h"
#include "harness/disturb.h"
#include "unit/operation/edited.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define OTHER "a/b/other"

ATTEMPT(start, try_start(lab, V, &alice, error))

/* The end of a run would drop it. */
static void
test_no_start_goes_on_without(Lab *lab)
{
    Disturbance no_names = {.nr = SYS_renameat2, .first = 1, .code = ENOSPC};
    g_autoptr(GError) error = NULL;

    make_edited(lab);
    g_assert_false(disturb(lab, &no_names, start, &error));
    g_assert_true(rl_error_is_errno(error, ENOSPC) && strstr(error->message, "edited at rest"));
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

/* Nor is it removed to make room for the new image. */
static void
test_no_room_for_the_image(Lab *lab)
{
    Disturbance no_files = {.nr = SYS_openat, .first = 1, .code = EDQUOT};
    g_autoptr(GError) error = NULL;

    make_edited(lab);
    for (; disturb(lab, &no_files, start, &error) == false; no_files.first++) {
        if (!image_is_there(lab, V, RL_FILE_PRECACHE))
            revision_is(lab, V, "1", "one");
        g_clear_error(&error);
    }
    revision_is(lab, V, "1", "one");
}

static int
maintain_and_edit(Lab *lab)
{
    maintain(lab, V);
    image_write(lab, V, RL_FILE_CLEAN, "two");
    return 0;
}

/* When the start found the volume, that had no precache. */
static void
test_a_precache_since(Lab *lab)
{
    Disturbance at_first_file = {
        .nr = SYS_openat, .first = 1, .count = 1, .before = maintain_and_edit};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_options(lab, 3);
    g_assert_true(disturb(lab, &at_first_file, start, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

typedef struct {
    int fd;
    int after_ms;
} Editor;

static void *
close_later(void *data)
{
    Editor *editor = data;

    g_usleep((gulong) editor->after_ms * 1000);
    close(editor->fd);
    return NULL;
}

/* Who edits it closes it just after the start has looked. */
static void
test_an_editor_that_closes(Lab *lab)
{
    static const int after_ms[] = {50, 90};

    for (size_t i = 0; i < G_N_ELEMENTS(after_ms); i++) {
        make_edited(lab);
        Editor editor = {image_open(lab, V, RL_FILE_CLEAN, O_RDWR), after_ms[i]};
        GThread *thread = g_thread_new("editor", close_later, &editor);
        lab_start(lab, V, &alice);
        g_thread_join(thread);
        revision_is(lab, V, "1", "one");
        image_write(lab, V, RL_FILE_DIRTY, "three");
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
        g_assert_true(rl_volume_delete(lab->pool, V, 0, NULL));
    }
}

/* Nor is it replaced without that. */
static void
test_an_editor_that_closes_before_a_resize(Lab *lab)
{
    GError *error = NULL;

    make_edited(lab);
    Editor editor = {image_open(lab, V, RL_FILE_CLEAN, O_RDWR), 50};
    GThread *thread = g_thread_new("editor", close_later, &editor);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
    g_thread_join(thread);
    revision_is(lab, V, "1", "one");
}

static void
test_an_editor_that_closes_later(Lab *lab)
{
    GError *error = NULL;

    make_edited(lab);
    Editor editor = {image_open(lab, V, RL_FILE_CLEAN, O_RDWR), RL_CLEAN_PATIENCE_MS + 100};
    GThread *thread = g_thread_new("editor", close_later, &editor);
    g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    take_error(error, RL_ERROR_BUSY, "'" V "' & open for writing");
    g_thread_join(thread);
    error = NULL;
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
    revision_is(lab, V, "1", "one");
}

/* An edit that begins and ends after an operation has asked for one. */
static int
edit_it(Lab *lab)
{
    static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    if (!image_is_there(lab, V, RL_FILE_PRECACHE))
        return 0; /* it has been dropped, with no edit to keep it for */
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);

    g_assert_cmpint(pwrite(fd, "two", sizeof("two"), 0), ==, sizeof("two"));
    g_assert_cmpint(futimens(fd, now), ==, 0);
    return 0;
}

ATTEMPT(rename_it, rl_volume_rename_to(lab->pool, V, OTHER, error))
ATTEMPT(resize_it, rl_volume_resize(lab->pool, V, 2 * MIB, false, error))
ATTEMPT(maintain_it, rl_volume_maintain(lab->pool, V, false, error))

static bool
defragment_it(Lab *lab, GError **error)
{
    const RlDefragment how = {.rule = {.limit = MIB}};
    RlDefragmented found;

    return rl_volume_defragment_plan(lab->pool, V, &how, &found, error);
}

/* The state before is a revision, or becomes one now. */
static void
is_kept(Lab *lab, const char *name)
{
    keep(lab, name);
    revision_is(lab, name, "1", "one");
}

static bool
is_edited(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_CLEAN, O_RDONLY);
    char text[4] = "";

    g_assert_cmpint(pread(fd, text, sizeof(text) - 1, 0), ==, sizeof(text) - 1);
    return strcmp(text, "two") == 0;
}

/* Whichever lock it comes before: nothing is dropped for what was so before it. */
static void
edit_during(Lab *lab, Attempt attempt)
{
    Disturbance one = {.nr = SYS_flock, .first = 1, .count = 1, .before = edit_it};
    guint edits = 0;

    do {
        g_autoptr(GError) error = NULL;
        make(lab);
        bool done = disturb(lab, &one, attempt, &error);
        const char *name = image_is_there(lab, V, RL_FILE_CLEAN) ? V : OTHER;
        if (is_edited(lab, name)) {
            edits++;
            is_kept(lab, name);
        }
        if (!done)
            g_assert_error(error, RL_ERROR, RL_ERROR_BUSY);
        g_assert_true(rl_volume_delete(lab->pool, name, 0, NULL));
    } while (one.made >= one.first++);
    g_assert_cmpuint(edits, >, 0);
}

static void
test_an_edit_during_a_renaming(Lab *lab)
{
    edit_during(lab, rename_it);
}

static void
test_an_edit_during_a_resize(Lab *lab)
{
    edit_during(lab, resize_it);
}

static void
test_an_edit_during_maintenance(Lab *lab)
{
    edit_during(lab, maintain_it);
}

static void
test_an_edit_during_a_defragmentation(Lab *lab)
{
    edit_during(lab, defragment_it);
}

void
add_tests(void)
{
    lab_add("/start-edited/precache-since", test_a_precache_since);
    lab_add("/start-edited/without", test_no_start_goes_on_without);
    lab_add("/start-edited/no-room", test_no_room_for_the_image);
    lab_add("/start-edited/closes", test_an_editor_that_closes);
    lab_add("/start-edited/closes-before-a-resize", test_an_editor_that_closes_before_a_resize);
    lab_add("/start-edited/closes-later", test_an_editor_that_closes_later);
    lab_add("/start-edited/during-a-renaming", test_an_edit_during_a_renaming);
    lab_add("/start-edited/during-a-resize", test_an_edit_during_a_resize);
    lab_add("/start-edited/during-maintenance", test_an_edit_during_maintenance);
    lab_add_on("/start-edited/during-a-defragmentation", "xfs btrfs",
               test_an_edit_during_a_defragmentation);
}
