/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* Operations of which every system call fails once, in a process that lives on: they say so, or did
 * what they were to do. What is left on the disk then is for the sweep of faults (tests/fault).
 * EVERY_CALL=4 takes every fourth call, from the one that EVERY_CALL_FIRST=N says, else any.
 * EVERY_CALL_PART=1/3 takes a third of the operations. */
#include "harness/disturb.h"
#include "harness/operations.h"
#include "harness/tree.h"

#include <errno.h>
#include <string.h>

static const Operation *operation;
static char *prepared, *work, *pool_path;
static guint every = 1, first = 1;

ATTEMPT(attempt, steps_play(operation->run, pool_path, NULL, error))

/* Returns whether the operation came to that call. */
static bool
fails(guint number, guint count, int code)
{
    Disturbance disturbance = {.first = number, .count = count, .code = code};
    GError *error = NULL;

    tree_restore(prepared, work);
    bool done = disturb(NULL, &disturbance, attempt, &error);
    if (done == (error != NULL))
        g_error("%s, call %u: it says %d and %s", operation->name, number, done,
                error ? error->message : "no error");
    g_clear_error(&error);
    return disturbance.made >= number;
}

static void
sweep(guint count, int code)
{
    guint number = first;

    while (fails(number, count, code))
        number += every;
    g_test_message("%s: up to call %u, every %u from %u", operation->name, number, every, first);
    g_assert_cmpint(number, >, first);
}

static void
test_operation(gconstpointer data)
{
    g_autofree char *base = test_dir("xfs"),
                    *path = g_build_filename(base ? base : "", "a/pool", NULL);
    GError *error = NULL;

    if (!base)
        return;
    operation = data;
    prepared = g_build_filename(base, "a", NULL);
    work = g_build_filename(base, "b", NULL);
    pool_path = g_build_filename(work, "pool", NULL);
    g_assert_true(mkdir(prepared, 0755) == 0 && mkdir(work, 0755) == 0);
    steps_play(operation->prepare, path, NULL, &error);
    g_assert_no_error(error);

    sweep(1, EIO);
    if (operation->in_process & GONE)
        sweep(1, ENOENT);
    if (operation->in_process & AGAIN)
        sweep(1, EINTR);
    if (operation->in_process & LOST)
        sweep(0, EIO);
    if (operation->in_process == (EACH | GONE | AGAIN | LOST))
        sweep(0, ENOENT);
    tree_empty(base);
    g_free(prepared);
    g_free(work);
    g_free(pool_path);
}

/* The number that the environment has for @name, or @otherwise. */
static guint
setting(const char *name, guint otherwise)
{
    const char *text = g_getenv(name);

    return text ? (guint) g_ascii_strtoull(text, NULL, 10) : otherwise;
}

void
add_tests(void)
{
    const char *part = g_getenv("EVERY_CALL_PART");
    const char *parts = part ? strchr(part, '/') : NULL;
    guint number = setting("EVERY_CALL_PART", 1), of = 1, place = 0;

    every = MAX(setting("EVERY_CALL", 1), 1);
    first = setting("EVERY_CALL_FIRST", (guint) g_random_int_range(1, (gint) every + 1));
    if (parts)
        of = (guint) g_ascii_strtoull(parts + 1, NULL, 10);
    g_assert_true(of > 0 && number >= 1 && number <= of);
    for (const Operation *one = operations; one->name; one++) {
        g_autofree char *path = g_strdup_printf("/every-call/%s@xfs", one->name);
        if (one->in_process && place++ % of == number - 1)
            g_test_add_data_func(path, one, test_operation);
    }
}
