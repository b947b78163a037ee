/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one call of the hook announces is for the thread of the daemon that called it. This process
 * plays the daemon: each of two threads has a child, which plays the hook. */
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* So that notes lie where this test can damage them. */
static char *place;
#define RL_LOCK_DIR place
#include "backend/hook/calling-thread.c"
#include "backend/hook/note.c"
#undef SIZE_MAX_NOTE
#include "backend/hook/restore-note.c"
#undef SIZE_MAX_NOTE
#include "backend/hook/run-record.c"

#define UUID "00000000-0000-4000-8000-00000000000a"

static const RlDomainRef vm = {.driver = "qemu", .uuid = UUID, .name = "vm"};

typedef struct {
    const char *name;
    int child;
    GMutex running; /* the thread ends when it has that */
    GMutex begun;
    GCond has_begun;
    GThread *thread;
} Caller;

static Caller callers[3] = {{.name = "rpc-libvirtd"}, {.name = "init-vm"}, {.name = "init-rpc-vm"}};
static int calling; /* the child that asks; 0 where no daemon is found */

int
rl_calling_daemon_find(int *ret_child)
{
    *ret_child = calling;
    return calling ? getpid() : 0;
}

/* The thread @data of the daemon, which begins one child. */
static void *
serve(void *data)
{
    Caller *caller = data;
    int child = fork();

    if (child == 0) {
        pause();
        _exit(0);
    }
    g_mutex_lock(&caller->begun);
    caller->child = child;
    g_cond_signal(&caller->has_begun);
    g_mutex_unlock(&caller->begun);
    g_mutex_lock(&caller->running);
    g_mutex_unlock(&caller->running);
    return NULL;
}

static void
begin(Caller *caller)
{
    g_mutex_lock(&caller->running);
    g_mutex_lock(&caller->begun);
    caller->thread = g_thread_new(caller->name, serve, caller);
    while (!caller->child)
        g_cond_wait(&caller->has_begun, &caller->begun);
    g_mutex_unlock(&caller->begun);
    g_assert_cmpint(caller->child, >, 0);
}

static void
end(Caller *caller)
{
    kill(caller->child, SIGKILL);
    waitpid(caller->child, NULL, 0);
    g_mutex_unlock(&caller->running);
    g_thread_join(caller->thread);
}

static void
call_from(int number)
{
    calling = callers[number].child;
}

static void
test_thread(void)
{
    call_from(0);
    g_autofree char *first = rl_calling_thread_find(), *again = rl_calling_thread_find();
    g_assert_nonnull(first);
    g_assert_cmpstr(first, ==, again);
    g_assert_cmpint(rl_calling_thread_match(first), ==, RL_THREAD_SAME);
    call_from(1);
    g_autofree char *second = rl_calling_thread_find();
    g_assert_nonnull(second);
    g_assert_cmpstr(first, !=, second);
    g_assert_cmpint(rl_calling_thread_match(first), ==, RL_THREAD_OTHER);
    g_assert_cmpint(rl_calling_thread_match(second), ==, RL_THREAD_SAME);
    g_assert_cmpint(rl_calling_thread_match(""), ==, RL_THREAD_UNKNOWN);
    g_assert_cmpint(rl_calling_thread_match(NULL), ==, RL_THREAD_UNKNOWN);

    /* No child of any thread, and no daemon. */
    calling = getpid();
    g_assert_cmpint(rl_calling_thread_match(first), ==, RL_THREAD_UNKNOWN);
    calling = 0;
    g_assert_null(rl_calling_thread_find());
    g_assert_cmpint(rl_calling_thread_match(first), ==, RL_THREAD_UNKNOWN);
}

/* It is the name that libvirt has given it that counts. */
static void
test_serves(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(callers); i++) {
        call_from((int) i);
        g_assert_cmpint(rl_calling_thread_serves_client(), ==, i == 0);
    }
    calling = getpid();
    g_assert_false(rl_calling_thread_serves_client());
    calling = 0;
    g_assert_false(rl_calling_thread_serves_client());
}

/* Makes the note @file look as if it had been written @seconds ago. */
static void
make_older(const char *file, int seconds)
{
    g_autofree char *path = g_build_filename(place, file, NULL);
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};

    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
}

#define NOTES "restoring-" UUID

/* The note of the thread that calls, below the place. */
static char *
note_file(const char *suffix)
{
    g_autofree char *thread = rl_calling_thread_find();

    return g_strconcat(NOTES "/", thread ? g_strdelimit(thread, " ", '-') : "unknown", suffix,
                       NULL);
}

static void
note(void)
{
    GError *error = NULL;

    rl_restore_notes_note(UUID, NULL, &error);
    g_assert_no_error(error);
}

static void
assert_taken(RlRestoreNote wanted)
{
    g_autofree char *digest = NULL;

    g_assert_cmpint(rl_restore_notes_take(UUID, &digest), ==, wanted);
    g_assert_null(digest);
}

static void
assert_refused(const char *wanted, bool wanted_old)
{
    bool old;
    g_autofree char *why = rl_restore_notes_take_refusal(UUID, &old);

    g_assert_cmpstr(why, ==, wanted);
    g_assert_cmpint(old, ==, wanted_old);
}

static void
assert_no_notes(void)
{
    g_autofree char *path = g_build_filename(place, NOTES, NULL);

    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
test_restore(void)
{
    call_from(0);
    assert_taken(RL_RESTORE_NONE);
    note();
    /* A start beside it is no restore, and does not take the word from it. */
    call_from(1);
    assert_taken(RL_RESTORE_BESIDE);
    call_from(0);
    assert_taken(RL_RESTORE_ANNOUNCED);
    assert_taken(RL_RESTORE_NONE);
    assert_no_notes();

    /* Two restores: each has its word. However long another hook takes, the thread is the same. */
    note();
    g_autofree char *first = note_file("");
    make_older(first, 3600);
    call_from(1);
    note();
    assert_taken(RL_RESTORE_ANNOUNCED);
    assert_taken(RL_RESTORE_BESIDE);
    call_from(0);
    assert_taken(RL_RESTORE_ANNOUNCED);
    assert_no_notes();

    /* A thread that has ended makes no call. */
    note();
    g_autofree char *path = g_build_filename(place, first, NULL);
    g_autofree char *ended = g_strconcat(path, "1", NULL);
    g_assert_cmpint(rename(path, ended), ==, 0);
    assert_taken(RL_RESTORE_NONE);
    assert_no_notes();
}

static void
test_refused(void)
{
    /* A refusal is that of the start that follows, and no restore. */
    call_from(0);
    g_assert_true(rl_restore_notes_refuse(UUID, "why\nnot", NULL));
    call_from(1);
    assert_refused(NULL, false);
    note();
    call_from(0);
    assert_refused("why\nnot", false);
    assert_refused(NULL, false);
    call_from(1);
    assert_refused(NULL, false);
    assert_taken(RL_RESTORE_ANNOUNCED);
    assert_no_notes();

    /* Of one thread the last word counts. */
    call_from(0);
    note();
    g_assert_true(rl_restore_notes_refuse(UUID, "late", NULL));
    g_autofree char *file = note_file(".refused");
    make_older(file, 60);
    assert_refused("late", true);
    assert_taken(RL_RESTORE_NONE);
    g_assert_true(rl_restore_notes_refuse(UUID, "early", NULL));
    note();
    assert_refused(NULL, false);
    assert_taken(RL_RESTORE_ANNOUNCED);

    /* There is no space for the words: that it is refused needs none. */
    g_assert_true(rl_restore_notes_refuse(UUID, "", NULL));
    bool old;
    g_autofree char *why = rl_restore_notes_take_refusal(UUID, &old);
    g_assert_true(why && *why);
    assert_no_notes();
}

/* Where the thread cannot be told, now or then. */
static void
test_restore_unknown(void)
{
    call_from(0);
    note();
    g_autofree char *known = note_file("");
    calling = 0;
    assert_taken(RL_RESTORE_ANNOUNCED);
    note();
    call_from(1);
    assert_taken(RL_RESTORE_ANNOUNCED);
    call_from(0);
    note();
    make_older(known, 60);
    calling = 0;
    assert_taken(RL_RESTORE_BESIDE);
    call_from(0);
    assert_taken(RL_RESTORE_ANNOUNCED);
    assert_no_notes();
    /* What came to nothing is forgotten after a day. */
    note();
    make_older(known, 2 * 24 * 60 * 60);
    calling = 0;
    assert_taken(RL_RESTORE_NONE);
    assert_no_notes();
}

/* One file for all threads. */
static void
test_restore_of_older_version(void)
{
    g_autofree char *path = g_build_filename(place, NOTES, NULL);

    call_from(1);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    assert_taken(RL_RESTORE_ANNOUNCED);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    make_older(NOTES, 60);
    assert_taken(RL_RESTORE_NONE);
    assert_no_notes();
    g_autofree char *thread = rl_calling_thread_find();
    g_autofree char *text = g_strconcat(thread, "\nnot now", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    call_from(0);
    assert_refused(NULL, false);
    call_from(1);
    assert_refused("not now", false);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    note();
    assert_taken(RL_RESTORE_ANNOUNCED);
    assert_no_notes();
}

static void
announce(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(rl_run_record_announce_arrival(&vm, &error));
    g_assert_no_error(error);
}

/* Sets @key in the note of the announcement; takes it out where @value is NULL. */
static void
set(const char *key, const char *value)
{
    g_autofree char *path = g_build_filename(place, "arriving-qemu-" UUID, NULL);
    g_autoptr(GKeyFile) note = g_key_file_new();

    g_assert_true(g_key_file_load_from_file(note, path, G_KEY_FILE_NONE, NULL));
    if (value)
        g_key_file_set_value(note, GROUP, key, value);
    else
        g_key_file_remove_key(note, GROUP, key, NULL);
    g_assert_true(g_key_file_save_to_file(note, path, NULL));
}

static void
test_arrival(void)
{
    call_from(0);
    announce();
    call_from(1);
    g_assert_false(rl_run_record_take_announcement(&vm));
    call_from(0);
    g_assert_true(rl_run_record_take_announcement(&vm));
    g_assert_false(rl_run_record_take_announcement(&vm));
    /* The thread has made the other disks meanwhile. */
    announce();
    set("since", "-1");
    g_assert_true(rl_run_record_take_announcement(&vm));
    announce();
    set("boot", "00000000-0000-4000-8000-000000000000");
    g_assert_false(rl_run_record_take_announcement(&vm));

    /* Where the thread cannot be told, now or then, and from an older version. */
    announce();
    calling = 0;
    g_assert_true(rl_run_record_take_announcement(&vm));
    announce();
    call_from(1);
    g_assert_true(rl_run_record_take_announcement(&vm));
    announce();
    set("thread", NULL);
    g_assert_true(rl_run_record_take_announcement(&vm));
    announce();
    set("thread", NULL);
    set("since", "-1");
    g_assert_false(rl_run_record_take_announcement(&vm));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (access("/proc/thread-self/children", R_OK) != 0)
        return 77;
    place = g_dir_make_tmp(NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(callers); i++)
        begin(&callers[i]);
    g_test_add_func("/calling-thread/thread", test_thread);
    g_test_add_func("/calling-thread/serves", test_serves);
    g_test_add_func("/calling-thread/restore", test_restore);
    g_test_add_func("/calling-thread/refused", test_refused);
    g_test_add_func("/calling-thread/restore-unknown", test_restore_unknown);
    g_test_add_func("/calling-thread/restore-of-older-version", test_restore_of_older_version);
    g_test_add_func("/calling-thread/arrival", test_arrival);

    int status = g_test_run();
    for (guint i = 0; i < G_N_ELEMENTS(callers); i++)
        end(&callers[i]);
    rmdir(place);
    g_free(place);
    return status;
}
