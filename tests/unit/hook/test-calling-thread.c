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

/* Makes the note @file look as if it had been written a minute ago. */
static void
make_older(const char *file)
{
    g_autofree char *path = g_build_filename(place, file, NULL);
    struct timespec times[2] = {{.tv_sec = time(NULL) - 60}, {.tv_sec = time(NULL) - 60}};

    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
}

static void
test_restore(void)
{
    g_autofree char *path = g_build_filename(place, "restoring-" UUID, NULL);

    call_from(0);
    g_assert_false(rl_restore_notes_take(UUID));
    rl_restore_notes_note(UUID);
    /* A start beside it is no restore, and does not take the word from it. */
    call_from(1);
    g_assert_false(rl_restore_notes_take(UUID));
    call_from(0);
    g_assert_true(rl_restore_notes_take(UUID));
    g_assert_false(rl_restore_notes_take(UUID));
    rl_restore_notes_note(UUID);
    make_older("restoring-" UUID);
    g_assert_false(rl_restore_notes_take(UUID));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

    /* A refusal is that of the start that follows, and no restore. */
    g_assert_true(rl_restore_notes_refuse(UUID, "why\nnot", NULL));
    call_from(1);
    g_assert_null(rl_restore_notes_take_refusal(UUID));
    call_from(0);
    g_autofree char *why = rl_restore_notes_take_refusal(UUID);
    g_assert_cmpstr(why, ==, "why\nnot");
    g_assert_null(rl_restore_notes_take_refusal(UUID));
    g_assert_true(rl_restore_notes_refuse(UUID, "", NULL));
    g_assert_false(rl_restore_notes_take(UUID));
    rl_restore_notes_note(UUID);
    g_assert_null(rl_restore_notes_take_refusal(UUID));
    g_assert_true(rl_restore_notes_take(UUID));
    g_assert_true(rl_restore_notes_refuse(UUID, "late", NULL));
    make_older("restoring-" UUID);
    g_assert_null(rl_restore_notes_take_refusal(UUID));

    /* Where the thread cannot be told, now or then, and from an older version. */
    rl_restore_notes_note(UUID);
    calling = 0;
    g_assert_true(rl_restore_notes_take(UUID));
    rl_restore_notes_note(UUID);
    call_from(1);
    g_assert_true(rl_restore_notes_take(UUID));
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_assert_true(rl_restore_notes_take(UUID));
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    make_older("restoring-" UUID);
    g_assert_false(rl_restore_notes_take(UUID));
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
    g_test_add_func("/calling-thread/arrival", test_arrival);

    int status = g_test_run();
    for (guint i = 0; i < G_N_ELEMENTS(callers); i++)
        end(&callers[i]);
    rmdir(place);
    g_free(place);
    return status;
}
