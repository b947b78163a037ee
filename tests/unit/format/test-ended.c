/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/format/ended-note.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define V "a/b/private"

static const char *name;

ATTEMPT(stop_alice, try_stop(lab, name, &alice, error))

/* Ends alice's run, and the first call @nr says @code. */
static void
stop_without_space(Lab *lab, const char *volume, long nr, int code)
{
    Disturbance full = {.nr = nr, .first = 1, .count = 1, .code = code};
    GError *error = NULL;

    name = volume;
    g_assert_false(disturb(lab, &full, stop_alice, &error));
    take_errno(error, code, volume);
}

static void
check_state(Lab *lab, const char *volume_name, RlState wanted, bool ended)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, volume_name, NULL);
    g_autoptr(RlImageOwner) run = NULL;
    RlState state;
    GError *error = NULL;

    g_assert_true(rl_state_get(volume, &state, &run, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(rl_state_to_string(state), ==, rl_state_to_string(wanted));
    g_assert_cmpint(run && run->ended, ==, ended);
}

static void
check_noted(Lab *lab, const char *wanted)
{
    g_autoptr(GPtrArray) names = rl_ended_list(lab->pool->dev, lab->pool->ino);

    g_assert_cmpuint(names->len, ==, wanted ? 1 : 0);
    g_assert_cmpstr(wanted ? g_ptr_array_index(names, 0) : NULL, ==, wanted);
}

static void
end_late(Lab *lab, const char *volume, bool wanted)
{
    GError *error = NULL;
    bool committed;

    g_assert_true(rl_volume_end_late(lab->pool, volume, &committed, &error));
    g_assert_no_error(error);
    g_assert_cmpint(committed, ==, wanted);
}

static void
begin(Lab *lab, const char *text)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, text);
}

/* It neither runs nor is it about to, and with space it is committed, once. */
static void
test_committed_when_there_is_space(Lab *lab)
{
    const int codes[] = {ENOSPC, EDQUOT};

    begin(lab, "two");
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        check_state(lab, V, RL_STATE_RUNNING, false);
        stop_without_space(lab, V, SYS_linkat, codes[i]);
        check_state(lab, V, RL_STATE_LEFT, true);
        check_noted(lab, V);
        end_late(lab, V, true);
        check_noted(lab, NULL);
        check_state(lab, V, RL_STATE_STOPPED, false);
        image_is(lab, V, RL_FILE_CLEAN, i ? "three" : "two");
        end_late(lab, V, false);
        assert_revisions(lab, V, i ? "1 2" : "1");
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, "three");
    }
}

/* Whatever does not fit. */
static void
test_direct(Lab *lab)
{
    const long calls[] = {SYS_renameat2, SYS_fsetxattr};

    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autofree char *volume = g_strdup_printf("k/%zu", i);
        lab_create_kind(lab, volume, RL_KIND_DIRECT, NULL, "one", MIB);
        lab_start(lab, volume, &alice);
        image_write(lab, volume, RL_FILE_DIRTY, "two");
        stop_without_space(lab, volume, calls[i], ENOSPC);
        check_state(lab, volume, RL_STATE_LEFT, true);
        image_is(lab, volume, RL_FILE_DIRTY, "two");
        check_noted(lab, volume);
        end_late(lab, volume, false);
        check_noted(lab, NULL);
        check_state(lab, volume, RL_STATE_STOPPED, false);
        image_is(lab, volume, RL_FILE_CLEAN, "two");
    }
}

/* Where a new name needs space, as on XFS with parent pointers, the image goes without one. */
static void
test_dropped_without_space(Lab *lab)
{
    const RlKind kinds[] = {RL_KIND_SNAPSHOT, RL_KIND_VOLATILE};
    Disturbance full = {.nr = SYS_renameat, .first = 1, .count = 0, .code = ENOSPC};

    lab_create(lab, V, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *volume = g_strdup_printf("k/%zu", i);
        GError *error = NULL;
        lab_create_kind(lab, volume, kinds[i], kinds[i] == RL_KIND_SNAPSHOT ? V : NULL, NULL, MIB);
        lab_start(lab, volume, &alice);
        name = volume;
        g_assert_true(disturb(lab, &full, stop_alice, &error));
        g_assert_no_error(error);
        check_state(lab, volume, RL_STATE_STOPPED, false);
        check_noted(lab, NULL);
    }
}

ATTEMPT(start_alice, try_start(lab, V, &alice, error))

/* The next start commits first, so each run has its revision; where there still is no space it goes
 * on with the image. Either way nothing is lost, and it is a run like any other. */
static void
test_next_start(Lab *lab)
{
    Disturbance full = {.nr = SYS_linkat, .first = 1, .count = 0, .code = ENOSPC};
    GError *error = NULL;

    begin(lab, "two");
    stop_without_space(lab, V, SYS_linkat, ENOSPC);
    g_assert_true(disturb(lab, &full, start_alice, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    check_state(lab, V, RL_STATE_RUNNING, false);
    end_late(lab, V, false); /* what was noted is of another run */
    check_noted(lab, NULL);
    check_state(lab, V, RL_STATE_RUNNING, false);

    stop_without_space(lab, V, SYS_linkat, ENOSPC);
    lab_start(lab, V, &bob); /* alice does not have it any more */
    assert_revisions(lab, V, "1");
    image_is(lab, V, RL_FILE_CLEAN, "two");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    check_noted(lab, NULL);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "two");
}

/* Who has it open, or has decided otherwise, is not disturbed. */
static void
test_what_happened_since(Lab *lab)
{
    GError *error = NULL;
    bool committed;
    RlStop stop;

    begin(lab, "two");
    stop_without_space(lab, V, SYS_linkat, ENOSPC);
    int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_false(rl_volume_end_late(lab->pool, V, &committed, &error));
    take_error(error, RL_ERROR_BUSY, "dirty image open");
    close(fd);
    error = NULL;
    g_assert_true(rl_volume_stop(lab->pool, V, NULL, &stop, &error)); /* a person, and at once */
    g_assert_cmpint(stop, ==, RL_STOP_COMMITTED);
    check_noted(lab, NULL);

    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    stop_without_space(lab, V, SYS_linkat, ENOSPC);
    g_assert_true(rl_volume_discard(lab->pool, V, &error));
    g_assert_no_error(error);
    end_late(lab, V, false);
    check_noted(lab, NULL);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    assert_revisions(lab, V, "1");
}

/* What the disk could not take is suspect, and is not committed later. */
static void
test_suspect_is_not_ended(Lab *lab)
{
    begin(lab, "two");
    stop_without_space(lab, V, SYS_fsync, ENOSPC);
    check_state(lab, V, RL_STATE_SUSPECT, false);
    check_noted(lab, NULL);
    end_late(lab, V, false);
    check_state(lab, V, RL_STATE_SUSPECT, false);
}

static char *
find_overlay(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) let_go;
    return directly || !strstr(image, "private-dirty.img") || g_strcmp0(except, "x") == 0
               ? NULL
               : g_strdup("carol");
}

/* While it waited an external snapshot was made on it: it is half of that domain's disk. */
static void
test_overlay_since(Lab *lab)
{
    RlDocuments documents = *lab->pool->documents;
    GError *error = NULL;
    bool committed;

    documents.find_domain = find_overlay;
    begin(lab, "two");
    stop_without_space(lab, V, SYS_linkat, ENOSPC);
    lab->pool->documents = &documents;
    g_assert_false(rl_volume_end_late(lab->pool, V, &committed, &error));
    take_error(error, RL_ERROR_STATE, "external snapshot & 'carol'");
    check_state(lab, V, RL_STATE_BELOW, true);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'carol'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* While it waited somebody put another clean image there: neither is lost for the other. */
static void
test_clean_image_since(Lab *lab)
{
    const long calls[] = {SYS_linkat, SYS_renameat};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *backup = g_strconcat(clean, ".backup", NULL);
    GError *error = NULL;
    bool committed;

    begin(lab, "two");
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        stop_without_space(lab, V, calls[i], ENOSPC);
        make_file(backup, "backup");
        g_assert_cmpint(rename(backup, clean), ==, 0);
        g_assert_false(rl_volume_end_late(lab->pool, V, &committed, &error));
        take_error(error, RL_ERROR_STATE, "another clean image");
        error = NULL;
        image_is(lab, V, RL_FILE_CLEAN, "backup");
        image_is(lab, V, RL_FILE_DIRTY, "two");
        g_assert_true(rl_volume_discard(lab->pool, V, &error));
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, "two");
    }
}

void
add_tests(void)
{
    lab_add("/ended/committed-when-there-is-space", test_committed_when_there_is_space);
    lab_add("/ended/direct", test_direct);
    lab_add("/ended/dropped-without-space", test_dropped_without_space);
    lab_add("/ended/next-start", test_next_start);
    lab_add("/ended/what-happened-since", test_what_happened_since);
    lab_add("/ended/suspect-is-not-ended", test_suspect_is_not_ended);
    lab_add("/ended/overlay-since", test_overlay_since);
    lab_add("/ended/clean-image-since", test_clean_image_since);
}
