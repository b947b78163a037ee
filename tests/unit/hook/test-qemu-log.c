/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a domain under qemu ended, as its log tells. */
#include <glib.h>
#include <string.h>

/* So that a log can be put where it looks for one. */
static char *dir;
#define RL_QEMU_LOG_DIR dir
#include "backend/hook/managed-save.c"
#include "backend/hook/qemu-log.c"

#define BEFORE "2026-11-22 04:05:06.788+0000"
#define TIME "2026-11-22 04:05:06.789+0000"
#define LATER "2026-11-22 04:05:07.000+0000"
#define BEGAN_MS (G_GINT64_CONSTANT(1795320306789)) /* TIME */
#define START_AT(time) time ": starting up libvirt version: 9.0.0\n"
#define END_AT(time, reason) time ": shutting down, reason=" reason "\n"
#define START START_AT(TIME)
#define END(reason) END_AT(TIME, reason)

static void
put(const char *file, const char *text, gssize length)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);

    g_assert_true(g_file_set_contents(path, text, length, NULL));
}

static void
assert_ending(const char *text, size_t length, RlLogEnding wanted)
{
    put("x.log", text, (gssize) length);
    g_assert_cmpint(rl_qemu_log_ending("x", BEGAN_MS), ==, wanted);
}

#define assert_text(text, wanted) assert_ending(text, sizeof(text) - 1, wanted)

static void
test_reasons(void)
{
    assert_text(START END("shutdown"), RL_LOG_STOPPED);
    assert_text(START END("destroyed"), RL_LOG_STOPPED);
    assert_text(START END("crashed"), RL_LOG_FOUND_DEAD);
    assert_text(START END("unknown"), RL_LOG_FOUND_DEAD);
    assert_text(START END("daemon"), RL_LOG_FOUND_DEAD);
    assert_text(START END("failed"), RL_LOG_FAILED);
    assert_text(START END("saved"), RL_LOG_SAVED);
    assert_text(START END("migrated"), RL_LOG_MIGRATED);
    assert_text(START END("from snapshot"), RL_LOG_OTHER);
    assert_text(START END("saved "), RL_LOG_OTHER);
}

/* Of several runs the last one counts, even if it is not over. */
static void
test_last_run(void)
{
    assert_text("", RL_LOG_NOTHING);
    assert_text(START, RL_LOG_NOTHING);
    assert_text(START END("saved") START END("destroyed"), RL_LOG_STOPPED);
    assert_text(START END("saved") START, RL_LOG_NOTHING);
    assert_text(START END("saved") "qemu: late words\n", RL_LOG_SAVED);
}

/* Whatever is older than the run is another one's: the disk was full when this one began and ended.
 * So is what is not yet. */
static void
test_other_times(void)
{
    assert_text(START_AT(BEFORE) END_AT(BEFORE, "destroyed"), RL_LOG_NOTHING);
    assert_text(START_AT(BEFORE) END_AT(BEFORE, "saved"), RL_LOG_NOTHING);
    assert_text(START_AT(BEFORE) END_AT(LATER, "saved"), RL_LOG_SAVED);
    assert_text(END_AT(BEFORE, "saved") END_AT(LATER, "crashed"), RL_LOG_FOUND_DEAD);
    assert_text(END_AT(LATER, "destroyed") END_AT(BEFORE, "saved"), RL_LOG_STOPPED);
    assert_text(START END_AT("9999-11-22 04:05:06.789+0000", "saved"), RL_LOG_NOTHING);
    assert_text(START END_AT("2026-13-22 04:05:06.789+0000", "saved"), RL_LOG_NOTHING);
    assert_text(START END_AT("2026-11-22 06:05:06.789+0200", "saved"), RL_LOG_SAVED);
    assert_text(START END_AT("2026-11-22 06:05:06.788+0200", "saved"), RL_LOG_NOTHING);
}

/* A save that a daemon was killed in, and one that was not the end. */
static void
test_after_a_save(void)
{
    assert_text(START END("saved") END_AT(LATER, "crashed"), RL_LOG_SAVED_THEN_DEAD);
    assert_text(START END("saved") END("unknown") END("daemon"), RL_LOG_SAVED_THEN_DEAD);
    assert_text(START END("saved") END_AT(LATER, "destroyed"), RL_LOG_STOPPED);
    assert_text(START END("saved") END_AT(LATER, "shutdown"), RL_LOG_STOPPED);
    assert_text(START END("destroyed") END_AT(LATER, "crashed"), RL_LOG_FOUND_DEAD);
}

/* What the device model wrote before cannot hide what libvirt writes after it. */
static void
test_words_of_the_device_model(void)
{
    assert_text(START END("destroyed") "no line end" END("saved"), RL_LOG_SAVED);
    assert_text(START END("destroyed") "\0" END("saved"), RL_LOG_SAVED);
    assert_text(START END("destroyed") TIME ": shutting down, reason=" END("saved"), RL_LOG_SAVED);
    assert_text(START "shutting down, reason=saved\n", RL_LOG_NOTHING);
    assert_text(START "2026-11-22 04:05:06.789: shutting down, reason=saved\n", RL_LOG_NOTHING);
}

/* Only the end of a long log is read; a line that is cut there is none. */
static void
test_long_log(void)
{
    g_autoptr(GString) text = g_string_new(START END("saved"));

    for (int i = 0; i < 3000; i++)
        g_string_append(text, "words of a device model, of no use to anybody\n");
    assert_ending(text->str, text->len, RL_LOG_NOTHING);
    g_string_append(text, END("crashed"));
    assert_ending(text->str, text->len, RL_LOG_FOUND_DEAD);
}

/* A managed save file is this run's only if it was written since that began. */
static void
test_managed_save(void)
{
    gint64 now_ms = g_get_real_time() / 1000;
    g_autofree char *path = g_build_filename(dir, "x.save", NULL);

    g_assert_null(rl_managed_save_since(dir, "x", now_ms - 1000));
    put("x.save", "", 0);
    g_autofree char *file = rl_managed_save_since(dir, "x", now_ms - 1000);
    g_assert_cmpstr(file, ==, path);
    g_assert_null(rl_managed_save_since(dir, "x", now_ms + 5000));
    g_assert_null(rl_managed_save_since(dir, "x", 0));
    g_assert_null(rl_managed_save_since(dir, "../x", now_ms - 1000));

    struct timespec future[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = now_ms / 1000 + 3600}};
    g_assert_cmpint(utimensat(AT_FDCWD, path, future, 0), ==, 0);
    g_assert_null(rl_managed_save_since(dir, "x", now_ms - 1000));
    g_assert_cmpint(unlink(path), ==, 0);
}

static void
test_no_log(void)
{
    g_autofree char *path = g_build_filename(dir, "d.log", NULL);

    g_assert_cmpint(mkdir(path, 0700), ==, 0);
    g_assert_cmpint(rl_qemu_log_ending("d", BEGAN_MS), ==, RL_LOG_NOTHING);
    g_assert_cmpint(rl_qemu_log_ending("none", BEGAN_MS), ==, RL_LOG_NOTHING);
    g_assert_cmpint(rl_qemu_log_ending("../x", BEGAN_MS), ==, RL_LOG_NOTHING);
    g_assert_cmpint(rmdir(path), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp(NULL, NULL);
    g_test_add_func("/qemu-log/reasons", test_reasons);
    g_test_add_func("/qemu-log/last-run", test_last_run);
    g_test_add_func("/qemu-log/other-times", test_other_times);
    g_test_add_func("/qemu-log/after-a-save", test_after_a_save);
    g_test_add_func("/qemu-log/words-of-the-device-model", test_words_of_the_device_model);
    g_test_add_func("/qemu-log/long-log", test_long_log);
    g_test_add_func("/qemu-log/managed-save", test_managed_save);
    g_test_add_func("/qemu-log/no-log", test_no_log);

    int status = g_test_run();
    g_autofree char *log = g_build_filename(dir, "x.log", NULL);
    unlink(log);
    rmdir(dir);
    g_free(dir);
    return status;
}
