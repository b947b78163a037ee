/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Which state an image is: what is no name of one says nothing, and what cannot be read is an error
 * that changes nothing. */
#include "common/format/state-id.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static const RlStateId came = {OTHER, MIB, {1700000000, 1}};

static int fd; /* the image that is tried */
static RlStateId got;
static bool is;

ATTEMPT(get, rl_state_id_get(fd, &got, error))
ATTEMPT(ask, rl_state_id_is(fd, &came, &is, error))
ATTEMPT(note, rl_state_id_set_received(fd, &came, error))

static void
make_image(Lab *lab, const char *id)
{
    fd = lab_open(lab, "image", O_CREAT);
    g_assert_cmpint(ftruncate(fd, (off_t) MIB), ==, 0);
    if (id)
        g_assert_true(rl_xattr_set(fd, RL_ATTR_ID, id, NULL));
}

static bool
has(const char *key)
{
    g_autofree char *value = NULL;

    g_assert_true(rl_xattr_get(fd, key, &value, NULL));
    return value != NULL;
}

/* --- names of states */

static void
test_text(void)
{
    static const char *const wrong[] = {
        "",
        ID,
        ID ":1:1",
        ID ":1:1:1:1",
        ID ":1:1:1:",
        ID "0:1:1:1",
        "0123456789abcdef0123456789abcde:1:1:1",
        "0123456789ABCDEF0123456789ABCDEF:1:1:1",
        ID "::1:1",
        ID ":x:1:1",
        ID ":-1:1:1",
        ID ":9223372036854775808:1:1",
        ID ":1::1",
        ID ":1:x:1",
        ID ":1:9223372036854775808:1",
        ID ":1:1:",
        ID ":1:1:x",
        ID ":1:1:-1",
        ID ":1:1:1000000000",
    };
    RlStateId state;

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_test_message("%s", wrong[i]);
        g_assert_false(rl_state_id_parse(wrong[i], &state));
    }
    g_assert_true(rl_state_id_parse(ID ":9223372036854775807:-1:999999999", &state));
    g_autofree char *text = rl_state_id_format(&state);
    g_assert_cmpstr(text, ==, ID ":9223372036854775807:-1:999999999");
}

static void
test_valid(void)
{
    g_assert_true(rl_state_id_is_valid(&came));
    g_assert_false(rl_state_id_is_valid(&(RlStateId){ID, 1, {0, -1}}));
    g_assert_false(rl_state_id_is_valid(&(RlStateId){ID, 1, {0, 1000000000}}));
    g_assert_false(rl_state_id_is_valid(&(RlStateId){ID, (uint64_t) INT64_MAX + 1, {0, 0}}));
    g_assert_false(rl_state_id_is_valid(&(RlStateId){"0123", 1, {0, 0}}));
}

static void
differs(RlStateId other)
{
    g_assert_false(rl_state_id_same(&came, &other));
    g_assert_false(rl_state_id_same(&other, &came));
}

static void
test_same(void)
{
    differs((RlStateId){ID, MIB, {1700000000, 1}});
    differs((RlStateId){OTHER, MIB + 1, {1700000000, 1}});
    differs((RlStateId){OTHER, MIB, {1700000001, 1}});
    differs((RlStateId){OTHER, MIB, {1700000000, 2}});
    g_assert_true(rl_state_id_same(&came, &came));
}

/* --- images */

/* It is both, until it is written to. */
static void
test_received(Lab *lab)
{
    RlStateId own;
    GError *error = NULL;

    make_image(lab, ID);
    g_assert_true(get(lab, &error));
    own = got;
    g_assert_cmpstr(own.id, ==, ID);
    g_assert_true(ask(lab, &error) && !is);
    g_assert_true(note(lab, &error));
    g_assert_true(get(lab, &error));
    g_assert_true(rl_state_id_same(&got, &came));
    g_assert_true(ask(lab, &error) && is);
    g_assert_true(rl_state_id_is(fd, &own, &is, &error) && is);
    g_assert_cmpint(ftruncate(fd, (off_t) (2 * MIB)), ==, 0);
    g_assert_true(ask(lab, &error) && !is);
    g_assert_true(get(lab, &error));
    g_assert_cmpstr(got.id, ==, ID);
    g_assert_no_error(error);
    close(fd);
}

/* A note that makes no sense, or is of another time, says nothing. */
static void
test_notes(Lab *lab)
{
    GError *error = NULL;

    make_image(lab, ID);
    g_assert_true(get(lab, &error));
    RlStateId own = got;
    g_autofree char *is_now = rl_state_id_format(&own), *received = rl_state_id_format(&came);
    const char *const notes[][2] = {
        {"", is_now},          {received, ""},       {"x:1:1:1", is_now}, {ID ":-1:1:1", is_now},
        {received, "x:1:1:1"}, {received, received}, {is_now, received}};
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        g_autofree char *text = g_strconcat(notes[i][0], " ", notes[i][1], NULL);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_RECEIVED, text, NULL));
        g_assert_true(get(lab, &error));
        g_assert_true(rl_state_id_same(&got, &own));
        g_assert_true(ask(lab, &error) && !is);
    }
    g_assert_no_error(error);
    close(fd);
}

/* As long as an id, but none. */
static void
test_damaged_id(Lab *lab)
{
    GError *error = NULL;

    make_image(lab, "0123456789ABCDEF0123456789ABCDEF");
    g_assert_false(get(lab, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, RL_ATTR_ID " & damaged");
    g_assert_false(ask(lab, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, RL_ATTR_ID " & damaged");
    g_assert_false(note(lab, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, RL_ATTR_ID " & damaged");
    g_assert_false(has(RL_ATTR_RECEIVED));
    close(fd);
}

/* --- what fails */

static void
fails_at(Lab *lab, Attempt attempt, long nr, guint number, const char *words)
{
    Disturbance at = {.nr = nr,
                      .also = nr == SYS_newfstatat ? SYS_fstat : 0,
                      .first = number,
                      .count = 1,
                      .code = EIO};
    GError *error = NULL;

    is = true;
    got = came;
    g_assert_false(disturb(lab, &at, attempt, &error));
    take_errno(error, EIO, words);
    g_assert_true(rl_state_id_same(&got, &came));
    g_assert_true(attempt != ask || !is);
    g_assert_false(has(RL_ATTR_RECEIVED));
}

static void
test_failures(Lab *lab)
{
    static const Attempt attempts[] = {get, ask, note};

    make_image(lab, ID);
    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++) {
        fails_at(lab, attempts[i], SYS_fgetxattr, 1, "attribute & " RL_ATTR_ID);
        fails_at(lab, attempts[i], SYS_newfstatat, 1, "cannot examine");
    }
    fails_at(lab, get, SYS_fgetxattr, 2, "attribute & " RL_ATTR_RECEIVED);
    fails_at(lab, ask, SYS_fgetxattr, 2, "attribute & " RL_ATTR_RECEIVED);
    fails_at(lab, note, SYS_fsetxattr, 1, "attribute & " RL_ATTR_RECEIVED);
    close(fd);
}

/* An image that is to get its first id. */
static void
test_no_id_yet(Lab *lab)
{
    make_image(lab, NULL);
    fails_at(lab, get, SYS_fsetxattr, 1, "attribute & " RL_ATTR_ID);
    fails_at(lab, note, SYS_fsetxattr, 1, "attribute & " RL_ATTR_ID);
    g_assert_false(has(RL_ATTR_ID));
    fails_at(lab, get, SYS_fsync, 1, "cannot sync the id of");
    close(fd);
}

/* Another process gave it an id, and took that off again. */
static void
test_id_that_goes(Lab *lab)
{
    Disturbance at = {.nr = SYS_fsetxattr, .first = 1, .count = 1, .code = EEXIST};
    GError *error = NULL;

    make_image(lab, NULL);
    g_assert_false(disturb(lab, &at, get, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "no id");
    g_assert_false(disturb(lab, &at, note, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "no id");
    g_assert_false(has(RL_ATTR_ID));
    g_assert_false(has(RL_ATTR_RECEIVED));
    close(fd);
}

void
add_tests(void)
{
    g_test_add_func("/state-id/text", test_text);
    g_test_add_func("/state-id/valid", test_valid);
    g_test_add_func("/state-id/same", test_same);
    lab_add("/state-id/received", test_received);
    lab_add("/state-id/notes", test_notes);
    lab_add("/state-id/damaged-id", test_damaged_id);
    lab_add("/state-id/failures", test_failures);
    lab_add("/state-id/no-id-yet", test_no_id_yet);
    lab_add("/state-id/id-that-goes", test_id_that_goes);
}
