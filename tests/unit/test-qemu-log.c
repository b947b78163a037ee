/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a domain under qemu ended, as its log tells. */
#include <glib.h>
#include <string.h>

/* So that a log can be put where it looks for one. */
static char *dir;
#define RL_QEMU_LOG_DIR dir
#define RL_QEMU_SAVE_DIR dir
#include "backend/hook/qemu-log.c"

#define TIME "2026-11-22 04:05:06.789+0000"
#define START TIME ": starting up libvirt version: 9.0.0\n"
#define END(reason) TIME ": shutting down, reason=" reason "\n"

static void
put(const char *file, const char *text, gssize length)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);

    g_assert_true(g_file_set_contents(path, text, length, NULL));
}

static void
assert_ending(const char *text, size_t length, RlEnding wanted)
{
    g_autofree char *file = NULL;

    put("x.log", text, (gssize) length);
    g_assert_cmpint(rl_qemu_log_ending("x", &file), ==, wanted);
    g_assert_null(file);
}

#define assert_text(text, wanted) assert_ending(text, sizeof(text) - 1, wanted)

static void
test_reasons(void)
{
    assert_text(START END("shutdown"), RL_ENDING_STOPPED);
    assert_text(START END("destroyed"), RL_ENDING_STOPPED);
    assert_text(START END("crashed"), RL_ENDING_STOPPED);
    assert_text(START END("failed"), RL_ENDING_FAILED);
    assert_text(START END("saved"), RL_ENDING_SAVED);
    assert_text(START END("migrated"), RL_ENDING_UNKNOWN);
    assert_text(START END("saved "), RL_ENDING_UNKNOWN);
}

/* Of several runs the last one counts, even if it is not over. */
static void
test_last_run(void)
{
    assert_text("", RL_ENDING_UNKNOWN);
    assert_text(START, RL_ENDING_UNKNOWN);
    assert_text(START END("saved") START END("destroyed"), RL_ENDING_STOPPED);
    assert_text(START END("saved") START, RL_ENDING_UNKNOWN);
    assert_text(START END("saved") "qemu: late words\n", RL_ENDING_SAVED);
}

/* What the device model wrote before cannot hide what libvirt writes after it. */
static void
test_words_of_the_device_model(void)
{
    assert_text(START END("destroyed") "no line end" END("saved"), RL_ENDING_SAVED);
    assert_text(START END("destroyed") "\0" END("saved"), RL_ENDING_SAVED);
    assert_text(START END("destroyed") TIME ": shutting down, reason=" END("saved"),
                RL_ENDING_SAVED);
    assert_text(START "shutting down, reason=saved\n", RL_ENDING_UNKNOWN);
    assert_text(START "2026-11-22 04:05:06.789: shutting down, reason=saved\n", RL_ENDING_UNKNOWN);
}

/* Only the end of a long log is read; a line that is cut there is none. */
static void
test_long_log(void)
{
    g_autoptr(GString) text = g_string_new(START END("saved"));

    for (int i = 0; i < 3000; i++)
        g_string_append(text, "words of a device model, of no use to anybody\n");
    assert_ending(text->str, text->len, RL_ENDING_UNKNOWN);
    g_string_append(text, END("crashed"));
    assert_ending(text->str, text->len, RL_ENDING_STOPPED);
}

/* A managed save file is there only if it has just been written. */
static void
test_managed_save(void)
{
    g_autofree char *file = NULL, *none = NULL, *path = g_build_filename(dir, "x.save", NULL);

    put("x.save", "", 0);
    put("x.log", START END("destroyed"), -1);
    g_assert_cmpint(rl_qemu_log_ending("x", &file), ==, RL_ENDING_SAVED);
    g_assert_cmpstr(file, ==, path);
    put("x.log", START END("failed"), -1);
    g_assert_cmpint(rl_qemu_log_ending("x", &none), ==, RL_ENDING_FAILED);
    g_assert_null(none);
    g_assert_cmpint(unlink(path), ==, 0);
}

static void
test_no_log(void)
{
    g_autofree char *one = NULL, *two = NULL, *three = NULL;
    g_autofree char *path = g_build_filename(dir, "d.log", NULL);

    g_assert_cmpint(mkdir(path, 0700), ==, 0);
    g_assert_cmpint(rl_qemu_log_ending("d", &one), ==, RL_ENDING_UNKNOWN);
    g_assert_cmpint(rl_qemu_log_ending("none", &two), ==, RL_ENDING_UNKNOWN);
    g_assert_cmpint(rl_qemu_log_ending("../x", &three), ==, RL_ENDING_UNKNOWN);
    g_assert_cmpint(rmdir(path), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp(NULL, NULL);
    g_test_add_func("/qemu-log/reasons", test_reasons);
    g_test_add_func("/qemu-log/last-run", test_last_run);
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
