/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What the end of a run means: each reason, for each thing that the image can say. */
#include "common/operation/end-of-run.h"

#include "common/operation/arrival.h"
#include "common/operation/save.h"
#include "harness/disturb.h"

#include <errno.h>

#define V "a/b/private"
#define REASONS (RL_END_UNKNOWN + 1)

/* The rules, each for all cells that it is of. */
static RlEndAction
expected(RlEndReason reason, RlRunImage image)
{
    if (image == RL_RUN_IMAGE_BELOW)
        return reason == RL_END_SAVED ? RL_END_SAVE_BELOW : RL_END_KEEP_BELOW;
    if (reason == RL_END_SAVED)
        return RL_END_SAVE;
    if (image == RL_RUN_IMAGE_UNCONFIRMED || reason == RL_END_UNKNOWN)
        return RL_END_KEEP;
    if (reason == RL_END_FAILED)
        return image == RL_RUN_IMAGE_CONTINUED ? RL_END_KEEP : RL_END_UNSTART;
    return reason == RL_END_ARRIVING ? RL_END_DROP : RL_END_STOP;
}

static void
test_each_cell(Lab *lab)
{
    (void) lab;
    for (int reason = 0; reason < REASONS; reason++)
        for (int image = 0; image < RL_RUN_IMAGES; image++)
            g_assert_cmpint(rl_end_action((RlEndReason) reason, (RlRunImage) image), ==,
                            expected((RlEndReason) reason, (RlRunImage) image));
}

/* Only of a domain that stopped, or left, does a doubtful disk say anything. */
static void
test_doubtful(Lab *lab)
{
    for (int reason = 0; reason < REASONS; reason++) {
        RlEnd end = {.owner = &alice, .reason = (RlEndReason) reason, .doubtful = true};
        bool ran = reason == RL_END_STOPPED || reason == RL_END_MIGRATED;
        g_assert_cmpint(rl_end_reason_here(lab->pool, &end), ==, ran ? RL_END_UNKNOWN : reason);
        end.doubtful = false;
        g_assert_cmpint(rl_end_reason_here(lab->pool, &end), ==, reason);
    }
}

static void
end(Lab *lab, RlEnd how, bool committed)
{
    GError *error = NULL;
    bool ret_committed;

    how.owner = &alice;
    g_assert_true(rl_volume_end(lab->pool, V, &how, &ret_committed, &error));
    g_assert_no_error(error);
    g_assert_true(ret_committed == committed);
}

static void
run_and_write(Lab *lab, const char *text)
{
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, text);
}

/* Each action is done. */
static void
test_what_is_done(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    run_and_write(lab, "two");
    end(lab, (RlEnd){.reason = RL_END_STOPPED}, true);
    image_is(lab, V, RL_FILE_CLEAN, "two");

    run_and_write(lab, "three");
    end(lab, (RlEnd){.reason = RL_END_STOPPED, .doubtful = true}, false);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    run_and_write(lab, "four");
    end(lab, (RlEnd){.reason = RL_END_FAILED}, false);
    image_is(lab, V, RL_FILE_DIRTY, "four");
    lab_start(lab, V, &alice);
    end(lab, (RlEnd){.reason = RL_END_UNKNOWN, .overlaid = true}, false);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_BELOW);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    run_and_write(lab, "five");
    end(lab, (RlEnd){.reason = RL_END_SAVED}, false);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));

    lab_start(lab, V, &alice);
    end(lab, (RlEnd){.reason = RL_END_FAILED}, false);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* What is new at each start was kept for its domain. An administrator who looks at it, or a start
 * of that domain that a crash cuts off, gives it to no other. */
static void
test_kept_of(Lab *lab)
{
    static const RlDomainRef by_hand = {
        .driver = RL_OWNER_BY_HAND, .uuid = "started by hand", .name = "started by hand"};

    lab_create_kind(lab, V, RL_KIND_VOLATILE, NULL, NULL, MIB);
    run_and_write(lab, "secret");
    end(lab, (RlEnd){.reason = RL_END_UNKNOWN}, false);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "kept & 'alice'");
    lab_start(lab, V, &by_hand);
    lab_crash(lab, V);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "kept & 'alice'");
    lab_start(lab, V, &alice);
    lab_crash(lab, V);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "kept & 'alice'");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "secret");
}

static void
test_no_volume(Lab *lab)
{
    RlEnd how = {.owner = &alice};
    GError *error = NULL;
    bool committed;

    g_assert_false(rl_volume_end(lab->pool, "a/none", &how, &committed, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "a/none");
}

/* Where another host may have the pool, a domain that left may run on there. */
static void
test_elsewhere(Lab *lab)
{
    RlPool elsewhere = *lab->pool;

    elsewhere.root = -1; /* of which nothing can be told */
    for (int reason = 0; reason < REASONS; reason++) {
        RlEnd end = {.owner = &alice, .reason = (RlEndReason) reason};
        g_assert_cmpint(rl_end_reason_here(&elsewhere, &end), ==,
                        reason == RL_END_MIGRATED ? RL_END_UNKNOWN : reason);
    }
}

static void
arrive(Lab *lab)
{
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_ARRIVING));
    image_write(lab, V, RL_FILE_DIRTY, "half");
}

/* What was to arrive goes; what has arrived is kept. */
static void
test_arriving(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    arrive(lab);
    end(lab, (RlEnd){.reason = RL_END_ARRIVING}, false);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    arrive(lab);
    g_assert_true(rl_volume_arrived(lab->pool, V, &alice, NULL));
    end(lab, (RlEnd){.reason = RL_END_ARRIVING}, false);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    image_is(lab, V, RL_FILE_DIRTY, "half");
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

static bool
try_end(Lab *lab, GError **error)
{
    const RlEnd how = {.owner = &alice, .reason = RL_END_STOPPED};
    bool committed;

    return rl_volume_end(lab->pool, V, &how, &committed, error);
}

/* Nobody saw it arrive: whatever fails, it is for a person to decide. */
static void
test_held(Lab *lab)
{
    Disturbance one = {.nr = SYS_openat, .also = SYS_fsetxattr, .count = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    do {
        one.first++;
        arrive(lab);
        if (!disturb(lab, &one, try_end, &error))
            take_errno(g_steal_pointer(&error), EIO, "");
        g_assert_no_error(error);
        image_is(lab, V, RL_FILE_DIRTY, "half");
        image_is(lab, V, RL_FILE_CLEAN, "one");
        lab_crash(lab, V);
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    } while (one.made >= one.first);
    g_assert_cmpuint(one.first, >, 5);
}

void
add_tests(void)
{
    lab_add("/end/elsewhere", test_elsewhere);
    lab_add("/end/arriving", test_arriving);
    lab_add("/end/held", test_held);
    lab_add("/end/each-cell", test_each_cell);
    lab_add("/end/doubtful", test_doubtful);
    lab_add("/end/what-is-done", test_what_is_done);
    lab_add("/end/kept-of", test_kept_of);
    lab_add("/end/no-volume", test_no_volume);
}
