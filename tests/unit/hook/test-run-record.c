/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is noted of a run, between the calls of the hook. */
#include <glib.h>
#include <string.h>

/* So that notes lie where this test can damage them. */
static char *place;
#define RL_LOCK_DIR place
#include "backend/hook/calling-thread.c"
#include "backend/hook/note.c"
#include "backend/hook/run-record.c"

#define UUID "00000000-0000-4000-8000-00000000000a"

static const RlDomainRef vm = {.driver = "qemu", .uuid = UUID, .name = "vm"};
static const RlDomainRef xen = {.driver = "libxl", .uuid = UUID, .name = "vm"};

/* No daemon has called this test: see test-calling-thread.c. */
int
rl_calling_daemon_find(int *ret_child)
{
    *ret_child = 0;
    return 0;
}

/* Writes the key @key of the note @file anew. */
static void
set(const char *file, const char *key, const char *value)
{
    g_autofree char *path = g_build_filename(place, file, NULL);
    g_autoptr(GKeyFile) note = g_key_file_new();

    g_assert_true(g_key_file_load_from_file(note, path, G_KEY_FILE_NONE, NULL));
    g_key_file_set_value(note, GROUP, key, value);
    g_assert_true(g_key_file_save_to_file(note, path, NULL));
}

static void
test_run(void)
{
    RlVerdict saved = {.ending = RL_END_SAVED, .alone = true};
    gint64 before_ms = g_get_real_time() / 1000;
    RlRunRecord note;

    g_assert_false(rl_run_record_read(&vm, &note));
    g_assert_false(note.ended);
    g_assert_true(rl_run_record_begin(&vm, false, NULL));
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_false(note.ended);
    g_assert_false(note.arriving);
    g_assert_false(note.restored);
    g_assert_cmpint(note.began_ms, >=, before_ms);
    g_assert_cmpint(note.began_ms, <=, g_get_real_time() / 1000 + 1);
    /* Each driver counts its domains for itself. */
    g_assert_false(rl_run_record_read(&xen, &note));

    rl_run_record_restored(&vm);
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_true(note.restored);

    rl_run_record_end(&vm, saved);
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_true(note.ended);
    g_assert_cmpint(note.verdict.ending, ==, RL_END_SAVED);
    g_assert_true(note.verdict.alone);
    g_assert_cmpint(note.began_ms, >=, before_ms);

    /* Until its images are marked. */
    g_assert_true(rl_run_record_is_unmarked(&vm));

    /* The next run knows nothing of it. */
    g_assert_true(rl_run_record_begin(&vm, true, NULL));
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_false(note.ended);
    g_assert_false(note.restored);
    g_assert_true(note.arriving);
    rl_run_record_arrived(&vm);
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_false(note.arriving);
    /* What is noted of the one before stays with its images. */
    rl_run_record_refused(&vm);
    g_assert_true(rl_run_record_is_unmarked(&vm));
    g_assert_true(rl_run_record_begin(&vm, false, NULL));
    rl_run_record_marked(&vm);
    g_assert_false(rl_run_record_is_unmarked(&vm));
    g_assert_true(rl_run_record_read(&vm, &note));
    rl_run_record_forget(&vm);
    g_assert_false(rl_run_record_read(&vm, &note));
    rl_run_record_forget(&vm);
}

/* An end that gives the images away leaves none to be marked. */
static void
test_to_be_marked(void)
{
    static const struct {
        RlEndReason ending;
        bool unmarked;
    } ends[] = {{RL_END_STOPPED, false},  {RL_END_SAVED, true},     {RL_END_FAILED, false},
                {RL_END_ARRIVING, false}, {RL_END_MIGRATED, false}, {RL_END_UNKNOWN, true}};

    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_assert_true(rl_run_record_begin(&vm, false, NULL));
        rl_run_record_end(&vm, (RlVerdict){.ending = ends[i].ending});
        g_assert_cmpint(rl_run_record_is_unmarked(&vm), ==, ends[i].unmarked);
        /* `release` could not do all. */
        rl_run_record_leave(&vm, true);
        g_assert_true(rl_run_record_is_unmarked(&vm));
        rl_run_record_forget(&vm);
        g_assert_false(rl_run_record_is_unmarked(&vm));
    }
    rl_run_record_leave(&xen, false);
    g_assert_true(rl_run_record_is_unmarked(&xen));
    rl_run_record_forget(&xen);
}

/* No new file can be made. */
static void
test_no_room(void)
{
    RlRunRecord note;

    g_assert_true(rl_run_record_begin(&vm, false, NULL));
    g_autofree char *run = g_build_filename(place, "run-qemu-" UUID, NULL), *text = NULL;
    g_autofree char *longer = NULL;
    GError *error = NULL;
    g_assert_true(g_file_get_contents(run, &text, NULL, &error));
    longer = g_strconcat(text, "more=1\n", NULL);
    g_assert_true(rl_note_write_over("run-qemu-" UUID, longer, &error));
    g_assert_true(rl_note_write_over("run-qemu-" UUID, text, &error));
    g_assert_no_error(error);
    g_assert_true(rl_note_rename("run-qemu-" UUID, "unmarked-qemu-" UUID, &error));
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_false(note.ended);
    g_assert_false(rl_note_write_over("run-qemu-" UUID, text, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    rl_run_record_forget(&vm);
}

/* A run that an older version began: of its log nothing is to be believed. */
static void
test_no_beginning(void)
{
    RlVerdict stopped = {.ending = RL_END_STOPPED, .alone = true};
    RlRunRecord note;

    rl_run_record_end(&vm, stopped);
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_true(note.ended);
    g_assert_cmpint(note.verdict.ending, ==, RL_END_STOPPED);
    g_assert_cmpint(note.began_ms, ==, 0);
    rl_run_record_forget(&vm);
}

/* The clock was set meanwhile: what is later counts, so that nothing older passes for this run's.
 */
static void
test_clock(void)
{
    g_autofree char *future =
        g_strdup_printf("%" G_GINT64_FORMAT, g_get_real_time() / 1000 + 3600 * 1000);
    gint64 now_ms = g_get_real_time() / 1000;
    RlRunRecord note;

    g_assert_true(rl_run_record_begin(&vm, false, NULL));
    set("run-qemu-" UUID, "wall", future);
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_cmpint(note.began_ms, ==, g_ascii_strtoll(future, NULL, 10));
    set("run-qemu-" UUID, "wall", "1000");
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_cmpint(note.began_ms, >=, now_ms - 1);
    rl_run_record_forget(&vm);
}

static void
test_damage(void)
{
    RlVerdict stopped = {.ending = RL_END_STOPPED, .alone = true};
    g_autofree char *path = g_build_filename(place, "run-qemu-" UUID, NULL);
    RlRunRecord note;

    g_assert_true(rl_run_record_begin(&vm, false, NULL));
    rl_run_record_end(&vm, stopped);
    set("run-qemu-" UUID, "ending", "new");
    g_assert_true(rl_run_record_read(&vm, &note));
    g_assert_false(note.ended);
    set("run-qemu-" UUID, "boot", "00000000-0000-4000-8000-000000000000");
    g_assert_false(rl_run_record_read(&vm, &note));
    g_assert_true(g_file_set_contents(path, "\377[", -1, NULL));
    g_assert_false(rl_run_record_read(&vm, &note));
    g_assert_cmpint(note.verdict.ending, ==, RL_END_UNKNOWN);
    rl_run_record_forget(&vm);
}

static void
test_announcement(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(rl_run_record_take_announcement(&vm));
    g_assert_true(rl_run_record_announce_arrival(&vm, &error));
    g_assert_no_error(error);
    g_assert_true(rl_run_record_take_announcement(&vm));
    g_assert_false(rl_run_record_take_announcement(&vm));

    /* One that came to nothing long ago. */
    g_assert_true(rl_run_record_announce_arrival(&vm, &error));
    set("arriving-qemu-" UUID, "since", "-1");
    g_assert_false(rl_run_record_take_announcement(&vm));
    g_assert_false(rl_run_record_take_announcement(&vm));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    place = g_dir_make_tmp(NULL, NULL);
    g_test_add_func("/run-record/run", test_run);
    g_test_add_func("/run-record/to-be-marked", test_to_be_marked);
    g_test_add_func("/run-record/no-room", test_no_room);
    g_test_add_func("/run-record/no-beginning", test_no_beginning);
    g_test_add_func("/run-record/clock", test_clock);
    g_test_add_func("/run-record/damage", test_damage);
    g_test_add_func("/run-record/announcement", test_announcement);

    int status = g_test_run();
    rmdir(place);
    g_free(place);
    return status;
}
