/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Edits and their writer: what an upload puts into a volume; and numbers of revisions after an
 * administrator's hand. */
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/operation/upload-writer.h"
#include "common/operation/upload.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define V "a/b/private"

static RlUploadWriter *
writer_on(Lab *lab, uint64_t offset, uint64_t length)
{
    GError *error = NULL;
    RlStagedImage *draft = rl_upload_begin(lab_pool(lab), V, &error);

    g_assert_no_error(error);
    RlUploadWriter *writer = rl_upload_writer_new(draft, offset, length, &error);
    g_assert_no_error(error);
    return writer;
}

/* As libvirt does: again and again, when there is room. */
static RlWriterAnswer
put(RlUploadWriter *writer, const char *text, size_t size, GError **error)
{
    rl_autofd int room = rl_upload_writer_room(writer, NULL);

    for (;;) {
        RlWriterAnswer answer = rl_upload_writer_put(writer, text, size, error);
        if (answer != RL_WRITER_WAIT)
            return answer;
        struct pollfd wait = {room, POLLOUT, 0};
        g_assert_cmpint(poll(&wait, 1, 10000), ==, 1);
    }
}

static void
put_all(RlUploadWriter *writer, const char *text)
{
    GError *error = NULL;

    g_assert_cmpint(put(writer, text, strlen(text), &error), ==, RL_WRITER_TAKEN);
    g_assert_no_error(error);
}

/* The writer's thread makes a commit durable, and tidies up: then nothing of it is left. */
static void
wait_for_precache(Lab *lab)
{
    for (int i = 0; i < 500 && !image_is_there(lab, V, RL_FILE_PRECACHE); i++)
        g_usleep(10 * 1000);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

static void
test_pieces_and_holes(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "the old content", MIB);
    RlUploadWriter *writer = writer_on(lab, 0, 0);
    put_all(writer, "new");
    image_is(lab, V, RL_FILE_CLEAN, "the old content");
    put_all(writer, "er");
    g_assert_true(rl_upload_writer_put_hole(writer, 4096, &error));
    g_assert_true(rl_upload_writer_put_hole(writer, 0, &error));
    put_all(writer, "behind the hole");
    g_assert_true(rl_upload_writer_commit(writer, 1000, &error));
    g_assert_no_error(error);

    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *begin = read_at(clean, 0, 5), *end = read_at(clean, 4101, 15);
    g_assert_cmpstr(begin, ==, "newer");
    g_assert_cmpstr(end, ==, "behind the hole");
    g_assert_cmpint(look(clean).st_size, ==, MIB);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "the old content");
    wait_for_precache(lab);
}

/* Nothing is put, and the content is that of before: whole, in a new image. */
static void
test_nothing_put(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "the old content", MIB);
    RlUploadWriter *writer = writer_on(lab, 0, 0);
    g_assert_cmpint(put(writer, "", 0, &error), ==, RL_WRITER_TAKEN);
    g_assert_true(rl_upload_writer_commit(writer, 1000, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_CLEAN, "the old content");
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB);
    wait_for_precache(lab);
}

static void
test_ranges(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "the old content", MIB);
    g_assert_null(
        rl_upload_writer_new(rl_upload_begin(lab_pool(lab), V, NULL), MIB + 1, 0, &error));
    take_error(error, RL_ERROR_INVALID, "1048576");
    error = NULL;
    g_assert_null(rl_upload_writer_new(rl_upload_begin(lab_pool(lab), V, NULL), 1, MIB, &error));
    take_error(error, RL_ERROR_INVALID, "1048576");
    error = NULL;
    RlUploadWriter *writer = writer_on(lab, 4, 3);
    g_assert_cmpint(put(writer, "four", 4, &error), ==, RL_WRITER_FAILED);
    take_error(error, RL_ERROR_INVALID, "exceeds");
    error = NULL;
    /* A stream may go on all the same: its end tells. */
    g_assert_cmpint(put(writer, "NEW", 3, &error), ==, RL_WRITER_FAILED);
    take_error(error, RL_ERROR_INVALID, "exceeds");
    error = NULL;
    g_assert_false(rl_upload_writer_commit(writer, 1000, &error));
    take_error(error, RL_ERROR_INVALID, "exceeds");
    image_is(lab, V, RL_FILE_CLEAN, "the old content");

    writer = writer_on(lab, 4, 3);
    put_all(writer, "NEW");
    error = NULL;
    g_assert_true(rl_upload_writer_commit(writer, 1000, &error));
    image_is(lab, V, RL_FILE_CLEAN, "the NEW content");
    wait_for_precache(lab);
}

static void
test_started_or_changed_meanwhile(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    RlUploadWriter *writer = writer_on(lab, 0, 0);
    put_all(writer, "upload");
    lab_start(lab, V, &alice);
    g_assert_false(rl_upload_writer_commit(writer, 1000, &error));
    take_error(error, RL_ERROR_STATE, "running & 'alice'");
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);

    error = NULL;
    writer = writer_on(lab, 0, 0);
    put_all(writer, "upload");
    lab_run(lab, V, "two");
    g_assert_false(rl_upload_writer_commit(writer, 1000, &error));
    take_error(error, RL_ERROR_STATE, "meanwhile");
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* The inode of the image that an upload began with must be no other image's as long as that lasts.
 */
static void
test_many_changes_meanwhile(Lab *lab)
{
    GError *error = NULL;

    lab_options(lab, 0);
    lab_create(lab, V, "zero", MIB);
    RlUploadWriter *writer = writer_on(lab, 0, 0);
    put_all(writer, "upload");
    for (int i = 0; i < 12; i++)
        lab_run(lab, V, "a later run");
    g_assert_false(rl_upload_writer_commit(writer, 1000, &error));
    take_error(error, RL_ERROR_STATE, "meanwhile");
    image_is(lab, V, RL_FILE_CLEAN, "a later run");
}

/* mv of a revision to the clean image's name: what was noted on it as a clean image is not believed
 * any more. */
static void
test_reverted_by_hand(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    lab_run(lab, V, "four");
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *second = revision_path(lab, V, "2");
    g_assert_cmpint(rename(second, clean), ==, 0);
    lab_run(lab, V, "five");
    lab_run(lab, V, "six");
    assert_revisions(lab, V, "1 3 4 5");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "3", "three");
    revision_is(lab, V, "4", "two");
    revision_is(lab, V, "5", "five");
}

/* Nothing is done after the first error, and that is what is told. */
static void
test_hole_beyond_the_end(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    RlUploadWriter *writer = writer_on(lab, 0, 0);
    for (int i = 0; i < 2; i++) {
        g_assert_false(rl_upload_writer_put_hole(writer, 2 * MIB, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "exceeds");
    }
    g_assert_cmpint(put(writer, "", 0, &error), ==, RL_WRITER_FAILED);
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "exceeds");
    g_assert_false(rl_upload_writer_commit(writer, 1000, &error));
    take_error(error, RL_ERROR_INVALID, "exceeds");
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Of a piece: on its way; offered again often enough; nearly there. */
static gint step;

static int
take_long(Lab *lab)
{
    (void) lab;
    g_atomic_int_compare_and_exchange(&step, 0, 1);
    while (g_atomic_int_get(&step) == 1)
        g_usleep(1000);
    g_usleep(100 * 1000);
    g_atomic_int_set(&step, 3);
    return 0;
}

/* Comes again while the last piece is on its way, as if there were room, and ends before it was
 * taken. */
static bool
hurry(Lab *lab, GError **error)
{
    RlUploadWriter *writer = writer_on(lab, 0, 4);

    for (int more = 10; more > 0; g_usleep(1000)) {
        g_assert_cmpint(rl_upload_writer_put(writer, "once", 4, error), ==, RL_WRITER_WAIT);
        more -= g_atomic_int_get(&step);
    }
    g_atomic_int_set(&step, 2);
    bool done = rl_upload_writer_commit(writer, 1000, error);
    g_assert_cmpint(g_atomic_int_get(&step), ==, 3);
    return done;
}

/* Ends before anything of it is durable. */
ATTEMPT(end_at_once, rl_upload_writer_commit(writer_on(lab, 0, 0), 1000, error))

/* Each piece is put once, and a commit is of all that was. */
static void
test_hurry(Lab *lab)
{
    Disturbance slow = {.nr = SYS_fdatasync, .first = 1, .count = 1, .before = take_long};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;

    g_atomic_int_set(&step, 0);
    lab_create(lab, V, "the old content", MIB);
    g_assert_true(disturb(lab, &slow, hurry, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(slow.made, ==, 1);
    g_autofree char *text = read_at(clean, 0, 15);
    g_assert_cmpstr(text, ==, "onceold content");
    wait_for_precache(lab);

    slow.nr = SYS_fsync;
    g_atomic_int_set(&step, 2);
    g_assert_true(disturb(lab, &slow, end_at_once, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_CLEAN, "onceold content");
    assert_revisions(lab, V, "1 2");
    wait_for_precache(lab);
}

static bool
put_a_piece(Lab *lab, GError **error)
{
    RlUploadWriter *writer = writer_on(lab, 0, 0);

    if (put(writer, "early", 5, error) == RL_WRITER_TAKEN)
        return rl_upload_writer_commit(writer, 1000, error);
    rl_upload_writer_end(writer);
    return false;
}

/* A commit before the end of the range is one of durable pieces, too. */
static void
test_early_end(Lab *lab)
{
    Disturbance bad = {.nr = SYS_fdatasync, .first = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "the old content", MIB);
    g_assert_false(disturb(lab, &bad, put_a_piece, &error));
    g_assert_true(rl_error_is_errno(error, EIO));
    g_clear_error(&error);
    g_assert_cmpuint(bad.made, ==, 1);
    image_is(lab, V, RL_FILE_CLEAN, "the old content");
    assert_revisions(lab, V, "");
    bad.code = 0;
    g_assert_true(disturb(lab, &bad, put_a_piece, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(bad.made, ==, 1);
    image_is(lab, V, RL_FILE_CLEAN, "earlyld content");
    wait_for_precache(lab);
}

void
add_tests(void)
{
    lab_add("/writer/early-end", test_early_end);
    lab_add("/writer/pieces-and-holes", test_pieces_and_holes);
    lab_add("/writer/nothing-put", test_nothing_put);
    lab_add("/writer/ranges", test_ranges);
    lab_add("/writer/started-or-changed-meanwhile", test_started_or_changed_meanwhile);
    lab_add("/writer/many-changes-meanwhile", test_many_changes_meanwhile);
    lab_add("/writer/reverted-by-hand", test_reverted_by_hand);
    lab_add("/writer/hole-beyond-the-end", test_hole_beyond_the_end);
    lab_add("/writer/hurry", test_hurry);
}
