/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* How often a start and a stop wait for the disk, and what they ask the kernel for besides: what
 * libvirt waits for. */
#include "harness/disturb.h"

#include "common/operation/maintenance.h"

ATTEMPT(start, try_start(lab, "vm/private", &alice, error))
ATTEMPT(stop, try_stop(lab, "vm/private", &alice, error))

/* How many calls of @nr, or of @also, it makes. */
static guint
calls_of(Lab *lab, Attempt attempt, long nr, long also)
{
    Disturbance all = {.nr = nr, .also = also, .first = 1};
    g_autoptr(GError) error = NULL;

    if (!disturb(lab, &all, attempt, &error))
        g_error("%s", error->message);
    return all.made;
}

static guint
fsyncs_of(Lab *lab, Attempt attempt)
{
    return calls_of(lab, attempt, SYS_fsync, SYS_fdatasync);
}

static void
test_counts(Lab *lab)
{
    lab_create(lab, "vm/private", "x", MIB);
    lab_start(lab, "vm/private", &alice);
    g_assert_cmpuint(fsyncs_of(lab, stop), ==, 2); /* nothing written */
    g_autofree char *precache = lab_file(lab, "vm/private", RL_FILE_PRECACHE);
    g_assert_true(is_there(precache));

    g_assert_cmpuint(fsyncs_of(lab, start), ==, 1); /* the directory */
    g_autofree char *dirty = lab_file(lab, "vm/private", RL_FILE_DIRTY);
    write_at(dirty, 0, "y");
    g_assert_cmpuint(fsyncs_of(lab, stop), ==, 3); /* the data, the attributes, the directory */
}

/* At most so many by a start with a precache, a commit, and a stop without a write. Who makes it
 * fewer writes the number down. */
static const struct {
    const char *what;
    long nr, also;
    guint start, commit, unwritten;
} budget[] = {
    {"opens", SYS_openat, SYS_openat2, 15, 22, 22},
    /* Two of a start compare what the precache notes with both inodes: it may be a copy. */
    {"looks at names and files", SYS_newfstatat, SYS_statx, 24, 21, 20},
    {"attributes read", SYS_fgetxattr, SYS_flistxattr, 12, 22, 19},
    {"attributes set", SYS_fsetxattr, 0, 2, 4, 0},
    {"attributes removed", SYS_fremovexattr, 0, 0, 6, 1},
    {"lines in the log", SYS_socket, 0, 1, 1, 1},
};

/* The state that each of them begins with is made anew for each count. */
static void
test_budget(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dirty = lab_file(lab, "vm/private", RL_FILE_DIRTY);

    lab_create(lab, "vm/private", "x", MIB);
    lab_start(lab, "vm/private", &alice);
    lab_stop(lab, "vm/private", &alice, RL_STOP_UNWRITTEN);
    for (size_t i = 0; i < G_N_ELEMENTS(budget); i++) {
        long nr = budget[i].nr, also = budget[i].also;
        guint started = calls_of(lab, start, nr, also);
        guint unwritten = calls_of(lab, stop, nr, also);
        lab_start(lab, "vm/private", &alice);
        write_at(dirty, i, "y");
        guint committed = calls_of(lab, stop, nr, also);
        g_assert_true(rl_volume_maintain(lab->pool, "vm/private", true, &error));
        g_test_message("%s: %u, %u, %u", budget[i].what, started, committed, unwritten);
        g_assert_cmpuint(started, <=, budget[i].start);
        g_assert_cmpuint(committed, <=, budget[i].commit);
        g_assert_cmpuint(unwritten, <=, budget[i].unwritten);
    }
}

void
add_tests(void)
{
    lab_add_on("/fsyncs/counts", "xfs btrfs", test_counts);
    lab_add_on("/fsyncs/budget", "xfs btrfs", test_budget);
}
