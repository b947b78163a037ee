/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* As every-call: the ways in which a run ends, or a start is put back. */
#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "disturb.h"

#include <fcntl.h>

#define V "a/b/private"
#define DIRECT "a/b/direct"
#define SNAPSHOT "a/b/root"
#define SCRATCH "a/b/volatile"

/* --- what there is before */

static void
stopped(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
}

static void
unwritten(Lab *lab)
{
    stopped(lab);
    lab_start(lab, V, &alice);
}

static void
written(Lab *lab)
{
    unwritten(lab);
    image_write(lab, V, RL_FILE_DIRTY, "two");
}

/* Nobody noted whose it is. */
static void
found(Lab *lab)
{
    written(lab);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
}

/* The name of the next revision is that of another one. */
static void
taken(Lab *lab)
{
    stopped(lab);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    g_autofree char *second = revision_path(lab, V, "2"), *clean = lab_file(lab, V, RL_FILE_CLEAN);
    set_mtime(clean, look(second).st_mtim.tv_sec, 0);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, 1, NULL));
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "four");
}

static void
left_volatile(Lab *lab)
{
    lab_create_kind(lab, SCRATCH, RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, SCRATCH, &alice);
}

static void
snapshot(Lab *lab)
{
    stopped(lab);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 0);
}

/* As a deletion leaves it that was cut off. */
static void
record_alone(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, DIRECT, RL_FILE_CLEAN);

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(unlink(clean), ==, 0);
}

/* --- the operations */

static bool
save_below(Lab *lab, GError **error)
{
    bool done;

    return rl_volume_save_below(lab->pool, V, &alice, "/some/file", &done, error);
}

static bool
stop(Lab *lab, GError **error)
{
    RlStop stop;

    return rl_volume_stop(lab->pool, V, &alice, &stop, error);
}

static bool
stop_found(Lab *lab, GError **error)
{
    RlStop stop;

    return rl_volume_stop(lab->pool, V, NULL, &stop, error);
}

static bool
start_volatile(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, SCRATCH, &alice, 0, error);

    return started != NULL;
}

static bool
start_and_unstart(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, 0, error);

    return started && rl_volume_unstart(lab->pool, started, &alice, error);
}

/* The dates of its image say nothing: it goes. */
static bool
start_and_unstart_snapshot(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, SNAPSHOT, &alice, 0, error);

    return started && rl_volume_unstart(lab->pool, started, &alice, error);
}

static bool
maintain_direct(Lab *lab, GError **error)
{
    return rl_volume_maintain(lab->pool, DIRECT, false, error);
}

static const Operation operations[] = {
    {"save-below", written, save_below, GONE},
    {"stop-unwritten", unwritten, stop, GONE},
    {"stop-found", found, stop_found, GONE},
    {"stop-taken", taken, stop, 0},
    {"start-left-volatile", left_volatile, start_volatile, 0},
    {"unstart", stopped, start_and_unstart, LOST},
    {"unstart-snapshot", snapshot, start_and_unstart_snapshot, LOST},
    {"maintain-record", record_alone, maintain_direct, 0},
};

static void
test_every_end(Lab *lab)
{
    fail_every_call(lab, operations, G_N_ELEMENTS(operations));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    lab_add_on("/every-end/fails", "xfs", test_every_end);
    return g_test_run();
}
