/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Who keeps a run's images open; that it sees failed writes is shown by integration/lost-writes. */
#include "common/image/write-witness.h"

#include "common/base/autofd.h"
#include "common/fs/lease.h"
#include "common/operation/save.h"
#include "common/pool/volume-lock.h"
#include "common/pool/volume-state.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define V "a/b/private"

static char *
witness_socket(const char *key)
{
    return g_strdup_printf("%s/witness/%s", RL_LOCK_DIR, key);
}

/* Has it been taken back that a process has the dirty image open? Such a one holds its blocks. */
static bool
is_open_anywhere(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);

    return rl_lease_has_opener(fd);
}

static char *
begin(Lab *lab)
{
    char *key = rl_witness_key_by_hand(lab->pool, V);
    g_autoptr(GArray) images = rl_witness_new();
    g_autofree char *path = witness_socket(key);

    rl_witness_add(images, lab->pool, V);
    g_assert_cmpuint(images->len, ==, 1);
    rl_witness_begin(key, &alice, images);
    g_assert_true(is_there(path));
    return key;
}

/* To nobody who asks, the process is a user of the image; and it leaves it as it is. */
static void
test_is_no_user(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab), *path = witness_socket(key);
    g_assert_false(is_open_anywhere(lab));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_witness_ask(key, &alice, NULL));
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    rl_witness_dismiss(key, false);
    g_assert_false(is_there(path));
}

static void
test_leaves_when_told(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab), *path = witness_socket(key);
    rl_witness_dismiss(key, false);
    g_assert_true(is_there(path)); /* the run has just begun */
    g_autofree char *again = begin(lab);
    g_assert_cmpstr(again, ==, key);
    rl_witness_dismiss(key, true);
    g_assert_false(is_there(path));
    rl_witness_dismiss(key, true);
    g_assert_true(rl_witness_ask(key, NULL, NULL));
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
}

/* What is made anew at each start is nobody's loss. */
static void
test_kinds(Lab *lab)
{
    g_autoptr(GArray) images = rl_witness_new();

    lab_create_kind(lab, "volatile", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "direct", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, "volatile", &alice);
    lab_start(lab, "direct", &alice);
    rl_witness_add(images, lab->pool, "volatile");
    g_assert_cmpuint(images->len, ==, 0);
    rl_witness_add(images, lab->pool, "direct");
    g_assert_cmpuint(images->len, ==, 1);
}

static const char *asked;

ATTEMPT(ask, rl_witness_ask(asked, &alice, error))

/* What it was told is marked durably; where that is not possible, noted elsewhere; else no end. */
static void
test_tells_once(Lab *lab)
{
    Disturbance lost = {.nr = SYS_fsync, .first = 1, .count = 1, .code = EIO},
                full = {.nr = SYS_fsync,
                        .also = SYS_fsetxattr,
                        .first = 1,
                        .count = 3,
                        .code = EIO},
                all = {.nr = SYS_fsync, .also = SYS_fsetxattr, .first = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    Disturbance *const cases[] = {&lost, &full};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        lab_start(lab, V, &alice);
        g_autofree char *key = begin(lab);
        asked = key;
        g_assert_true(disturb(lab, cases[i], ask, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(cases[i]->made, >=, 2);
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
        lab_stop(lab, V, &alice, RL_STOP_HELD);
        rl_witness_dismiss(key, true);
        g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    }
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab);
    asked = key;
    g_assert_false(disturb(lab, &all, ask, &error));
    take_errno(error, EIO, "private-dirty.img");
    rl_witness_dismiss(key, true);
}

void
add_tests(void)
{
    lab_add("/witness/is-no-user", test_is_no_user);
    lab_add("/witness/leaves-when-told", test_leaves_when_told);
    lab_add("/witness/kinds", test_kinds);
    lab_add("/witness/tells-once", test_tells_once);
}
