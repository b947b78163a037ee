/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* How often a start and a stop wait for the disk. */
#include "harness/disturb.h"

ATTEMPT(start, try_start(lab, "vm/private", &alice, error))
ATTEMPT(stop, try_stop(lab, "vm/private", &alice, error))

static guint
fsyncs_of(Lab *lab, Attempt attempt)
{
    Disturbance all = {.nr = SYS_fsync, .also = SYS_fdatasync, .first = 1};
    g_autoptr(GError) error = NULL;

    if (!disturb(lab, &all, attempt, &error))
        g_error("%s", error->message);
    return all.made;
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

void
add_tests(void)
{
    lab_add_on("/fsyncs/counts", "xfs btrfs", test_counts);
}
