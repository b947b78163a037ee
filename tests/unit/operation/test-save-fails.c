/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* Saves, keeps and decisions of which a system call fails, or that meet an image which is not as
 * they expect: what the guest has written stays, and what failed can be tried again. */
#include "common/operation/save.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "common/operation/arrival.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define V "a/b/private"
#define SCRATCH "a/b/scratch"

static const RlMemory monday = {.digest = (char *) "aaaa", .save = (char *) "monday-id"},
                      tuesday = {.digest = (char *) "bbbb", .save = (char *) "tuesday-id"};
static RlMark
mark_of(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    RlMark mark;

    g_assert_true(rl_mark_get(fd, &mark, NULL));
    return mark;
}

/* The id of the save that is noted on the image: "none" without a note, "unknown" where that has
 * none; owned by the caller. */
static char *
save_id(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlSave) save = NULL;

    g_assert_true(rl_save_get(fd, &save, NULL));
    if (!save)
        return g_strdup("none");
    return g_strdup(save->id ? save->id : "unknown");
}

#define assert_save_id(lab, name, wanted)          \
    do {                                           \
        g_autofree char *id_ = save_id(lab, name); \
        g_assert_cmpstr(id_, ==, wanted);          \
    } while (0)

static void
run(Lab *lab, const char *name)
{
    lab_start(lab, name, &alice);
    image_write(lab, name, RL_FILE_DIRTY, "two");
}

/* Whether it came to a save; nothing is lost either way. */
static bool
save_as(Lab *lab, const char *name, const RlMemory *memory)
{
    RlDomainRef owner = alice;
    g_autoptr(GError) error = NULL;
    bool done = false;

    owner.memory = memory;
    g_assert_true(rl_volume_save(lab->pool, name, &owner, &done, &error));
    g_assert_no_error(error);
    image_is(lab, name, RL_FILE_DIRTY, "two");
    return done;
}

static bool
keep(Lab *lab, const char *name)
{
    bool done = false;

    g_assert_true(rl_volume_keep(lab->pool, name, &alice, &done, NULL));
    image_is(lab, name, RL_FILE_DIRTY, "two");
    return done;
}

static void
restore(Lab *lab)
{
    RlDomainRef owner = alice;

    owner.memory = &monday;
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &owner, NULL));
    rl_started_free(lab_start_with(lab, V, &owner, RL_START_RESTORED));
}

/* So old that its domain cannot be about to open it. */
static void
age(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) owner = lab_run_of(lab, V);

    owner->since_us -= (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;
    g_assert_true(rl_image_owner_put_back(fd, owner, NULL));
}

/* --- each call fails */

typedef struct {
    void (*prepare)(Lab *lab);
    Attempt attempt;
    const char *name; /* of the volume */
    RlMark wanted;    /* how the image is marked once it is done */
} Sweep;

/* Returns whether it came to that call. What failed is tried again, unless a write may be lost. */
static bool
fails_at(Lab *lab, const Sweep *sweep, guint number)
{
    Disturbance one = {.first = number, .count = 1, .code = EIO};
    g_autofree char *remove = g_strdup_printf("rm -rf %s/a", lab->path);
    g_autoptr(GError) error = NULL, again = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SCRATCH, RL_KIND_VOLATILE, NULL, NULL, MIB);
    sweep->prepare(lab);
    bool done = disturb(lab, &one, sweep->attempt, &error);
    g_assert_true(done == !error);
    image_is(lab, sweep->name, RL_FILE_DIRTY, "two");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    if (!done && mark_of(lab, sweep->name) != RL_MARK_SUSPECT) {
        g_assert_true(sweep->attempt(lab, &again));
        g_assert_no_error(again);
    }
    if (mark_of(lab, sweep->name) != RL_MARK_SUSPECT)
        g_assert_cmpint(mark_of(lab, sweep->name), ==, sweep->wanted);
    else
        g_assert_true(rl_error_is_errno(error, EIO));
    image_is(lab, sweep->name, RL_FILE_DIRTY, "two");
    g_assert_cmpint(system(remove), ==, 0);
    return one.made >= number;
}

static void
each_call_fails(Lab *lab, const Sweep *sweep)
{
    guint number = 1;

    while (fails_at(lab, sweep, number))
        number++;
    g_assert_cmpuint(number, >, 10);
}

static void
run_scratch(Lab *lab)
{
    run(lab, SCRATCH);
}

static bool
keep_scratch(Lab *lab, GError **error)
{
    bool done;

    return rl_volume_keep(lab->pool, SCRATCH, &alice, &done, error);
}

/* What is new at each start is kept for its domain. */
static void
test_keep_throwaway(Lab *lab)
{
    each_call_fails(lab, &(Sweep){run_scratch, keep_scratch, SCRATCH, RL_MARK_KEPT});
}

static void
leave_below(Lab *lab)
{
    const RlKeep how = {.owner = &alice, .overlaid = true};
    bool done;

    run(lab, V);
    g_assert_true(rl_volume_keep_as(lab->pool, V, &how, &done, NULL));
}

ATTEMPT(go_on, rl_volume_continue(lab->pool, V, error))

/* An overlay is let go of. */
static void
test_continue_below(Lab *lab)
{
    each_call_fails(lab, &(Sweep){leave_below, go_on, V, RL_MARK_KEPT});
}

static void
leave_read_only(Lab *lab)
{
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_READONLY));
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &(bool){false}, NULL));
    image_write(lab, V, RL_FILE_DIRTY, "two");
}

/* What was to be read only, and was written to. */
static void
test_continue_read_only(Lab *lab)
{
    each_call_fails(lab, &(Sweep){leave_read_only, go_on, V, RL_MARK_KEPT});
}

static void
run_private(Lab *lab)
{
    run(lab, V);
}

ATTEMPT(expect, rl_volume_expect_arrival(lab->pool, V, &alice, error))

static void
test_expect(Lab *lab)
{
    each_call_fails(lab, &(Sweep){run_private, expect, V, RL_MARK_NONE});
}

/* --- a save while a process has the image open */

static bool
save_monday(Lab *lab, GError **error)
{
    RlDomainRef owner = alice;
    bool done;

    owner.memory = &monday;
    return rl_volume_save(lab->pool, V, &owner, &done, error);
}

/* It fails in any case, and says so; what cannot be marked is marked by the next try. */
static void
test_save_while_it_is_open(Lab *lab)
{
    Disturbance attrs = {.nr = SYS_fsetxattr, .first = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    run(lab, V);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_false(disturb(lab, &attrs, save_monday, &error));
    take_errno(g_steal_pointer(&error), EIO, "");
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_NONE);
    g_assert_false(save_monday(lab, &error));
    take_error(error, RL_ERROR_BUSY, "dirty image open");
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
    rl_fd_close(&fd);
    g_assert_true(save_as(lab, V, &monday));
    assert_save_id(lab, V, "monday-id");
}

/* What is saved is saved once more by the same save alone, and only where that can be told. */
static void
test_saved_is_settled(Lab *lab)
{
    const RlMemory no_id = {.digest = (char *) "aaaa"};

    lab_create(lab, V, "one", MIB);
    run(lab, V);
    g_assert_true(save_as(lab, V, &monday));
    g_assert_true(save_as(lab, V, &monday));
    g_assert_false(save_as(lab, V, &tuesday));
    g_assert_false(save_as(lab, V, &no_id));
    g_assert_false(save_as(lab, V, NULL));
    assert_save_id(lab, V, "monday-id");
    image_set_attr(lab, V, RL_ATTR_SAVE, "damaged");
    g_assert_false(save_as(lab, V, &monday));
    image_set_attr(lab, V, RL_ATTR_SAVE, NULL);
    g_assert_false(save_as(lab, V, &monday));
    assert_save_id(lab, V, "none");
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
}

/* The guest had come, and was saved at once: that is no half of a migration. */
static void
test_arriving_is_saved(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_ARRIVING));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(save_as(lab, V, &monday));
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
}

/* --- a restore that is kept */

static void
restore_anew(Lab *lab)
{
    g_autofree char *remove = g_strdup_printf("rm -rf %s/a", lab->path);

    g_assert_cmpint(system(remove), ==, 0);
    lab_create(lab, V, "one", MIB);
    run(lab, V);
    g_assert_true(save_as(lab, V, &monday));
    restore(lab);
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_RESTORED);
}

/* What nobody has written to since is part of its save still; in doubt it is a run like any other.
 */
static void
test_restore_is_kept(Lab *lab)
{
    const char *const notes[] = {NULL, "damaged"};
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    restore_anew(lab);
    g_assert_true(keep(lab, V));
    assert_save_id(lab, V, "monday-id");
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        restore_anew(lab);
        image_set_attr(lab, V, RL_ATTR_SAVE, notes[i]);
        g_assert_true(keep(lab, V));
        assert_save_id(lab, V, "unknown");
    }
    restore_anew(lab);
    lab_crash(lab, V);
    g_assert_true(keep(lab, V));
    assert_save_id(lab, V, "unknown");
    restore_anew(lab);
    set_mtime(dirty, look(dirty).st_mtim.tv_sec + 1, 0);
    g_assert_true(keep(lab, V));
    assert_save_id(lab, V, "unknown");
}

static bool
keep_once(Lab *lab, GError **error)
{
    bool done;

    return rl_volume_keep(lab->pool, V, &alice, &done, error);
}

/* Whichever call fails, once, the image is part of its save still when the end is tried again. */
static void
test_restore_is_kept_later(Lab *lab)
{
    for (guint first = 1;; first++) {
        Disturbance one = {.first = first, .count = 1, .code = EIO};
        GError *error = NULL;
        restore_anew(lab);
        bool kept = disturb(lab, &one, keep_once, &error);
        g_assert_true(kept == !error);
        g_clear_error(&error);
        keep(lab, V);
        if (one.made < first)
            break;
        if (mark_of(lab, V) == RL_MARK_SUSPECT) /* it was the fsync */
            continue;
        g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
        assert_save_id(lab, V, "monday-id");
    }
}

/* The same where a person decides; without a run no date is true. */
static void
test_restore_is_continued(Lab *lab)
{
    restore_anew(lab);
    age(lab);
    g_assert_true(go_on(lab, NULL));
    assert_save_id(lab, V, "monday-id");
    restore_anew(lab);
    image_set_attr(lab, V, RL_ATTR_RUN, NULL);
    g_assert_true(go_on(lab, NULL));
    assert_save_id(lab, V, "unknown");
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_KEPT);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* What an administrator began is open to any memory. */
static void
test_begun_by_hand(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &by_hand);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(go_on(lab, NULL));
    assert_save_id(lab, V, "none");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* --- looks */

ATTEMPT(confirm, rl_volume_confirm(lab->pool, V, &alice, error))

static int
end_run(Lab *lab)
{
    g_assert_true(keep(lab, V));
    return 0;
}

/* The run ends between the look and the lock. */
static void
test_ended_meanwhile(Lab *lab)
{
    Disturbance lock = {.nr = SYS_flock, .first = 1, .count = 1, .before = end_run};
    GError *error = NULL;

    restore_anew(lab);
    g_assert_true(disturb(lab, &lock, confirm, &error));
    g_assert_no_error(error);
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
    assert_save_id(lab, V, "monday-id");
}

/* Whichever of their calls fails, once, these fail with an error or do what they are to, and the
 * image has what the guest wrote. */
static bool
announce_once(Lab *lab, GError **error)
{
    return rl_volume_announce_restore(lab->pool, V, &alice, error);
}

static bool
confirm_once(Lab *lab, GError **error)
{
    return rl_volume_confirm(lab->pool, V, &alice, error);
}

static bool
continue_once(Lab *lab, GError **error)
{
    return rl_volume_continue(lab->pool, V, error);
}

static bool
look_once(Lab *lab, GError **error)
{
    RlRunImage image;

    return rl_volume_look_at_run(lab->pool, V, &alice, &image, error);
}

static bool
discardable_once(Lab *lab, GError **error)
{
    return rl_volume_require_discardable(lab->pool, V, error);
}

static bool
discard_once(Lab *lab, GError **error)
{
    return rl_volume_discard(lab->pool, V, error);
}

static void
test_each_call(Lab *lab)
{
    const Attempt attempts[] = {announce_once, confirm_once,     continue_once,
                                look_once,     discardable_once, discard_once};

    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++) {
        for (guint first = 1;; first++) {
            Disturbance one = {.first = first, .count = 1, .code = ENOMEM};
            GError *error = NULL;
            restore_anew(lab);
            age(lab);
            bool done = disturb(lab, &one, attempts[i], &error);
            g_assert_true(done == !error);
            g_clear_error(&error);
            if (attempts[i] != discard_once)
                image_is(lab, V, RL_FILE_DIRTY, "two");
            image_is(lab, V, RL_FILE_CLEAN, "one");
            if (one.made < first)
                break;
        }
    }
}

/* --- decisions */

/* A snapshot's image that was only read is kept as that: there is nothing to compare it with. */
static void
test_continue_snapshot(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, MIB);
    rl_started_free(lab_start_with(lab, "a/b/root", &alice, RL_START_READONLY));
    g_assert_true(rl_volume_keep(lab->pool, "a/b/root", &alice, &(bool){false}, NULL));
    g_assert_true(rl_volume_continue(lab->pool, "a/b/root", NULL));
    g_assert_cmpint(mark_of(lab, "a/b/root"), ==, RL_MARK_KEPT_READONLY);
}

/* A write to it would be one to another file, too. */
static void
test_continue_linked(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY), *other = lab_path(lab, "a/b/other");
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    run(lab, V);
    g_assert_true(save_as(lab, V, &monday));
    g_assert_cmpint(link(dirty, other), ==, 0);
    g_assert_false(go_on(lab, &error));
    take_error(error, RL_ERROR_STATE, "'" V "' & hard links");
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
    g_assert_cmpint(unlink(other), ==, 0);
    g_assert_true(go_on(lab, NULL));
}

ATTEMPT(discard, rl_volume_discard(lab->pool, V, error))

/* Whether it is another driver's snapshot cannot be told: it is neither gone on with nor dropped.
 */
static void
test_foreign_cannot_be_told(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *other = lab_path(lab, "a/b/other");
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    g_assert_cmpint(link(clean, other), ==, 0);
    make_file(dirty, "two");
    set_size(dirty, (off_t) MIB);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_FOREIGN);
    fails_without(lab, SYS_getdents64, go_on);
    fails_without(lab, SYS_getdents64, discard);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_FOREIGN);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(discard(lab, NULL));
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

static void
discardable_fails(Lab *lab, const char *name, int code, const char *words)
{
    GError *error = NULL;

    g_assert_false(rl_volume_require_discardable(lab->pool, name, &error));
    take_error(error, code, words);
}

/* It is asked before, and changes nothing. */
static void
test_require_discardable(Lab *lab)
{
    const char *const direct = "db/main";

    discardable_fails(lab, V, RL_ERROR_NOT_FOUND, "'" V "'");
    lab_create(lab, V, "one", MIB);
    discardable_fails(lab, V, RL_ERROR_NOT_FOUND, "no dirty image");
    run(lab, V);
    discardable_fails(lab, V, RL_ERROR_STATE, "'alice'");
    g_assert_true(save_as(lab, V, &monday));
    g_assert_true(rl_volume_require_discardable(lab->pool, V, NULL));
    g_assert_cmpint(mark_of(lab, V), ==, RL_MARK_SAVED);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_create_kind(lab, direct, RL_KIND_DIRECT, NULL, "one", MIB);
    run(lab, direct);
    g_assert_true(save_as(lab, direct, &monday));
    discardable_fails(lab, direct, RL_ERROR_STATE, "only image");
    image_is(lab, direct, RL_FILE_DIRTY, "two");
}

void
add_tests(void)
{
    lab_add_on("/save-fails/keep-throwaway", "xfs", test_keep_throwaway);
    lab_add_on("/save-fails/continue-below", "xfs", test_continue_below);
    lab_add_on("/save-fails/continue-read-only", "xfs", test_continue_read_only);
    lab_add_on("/save-fails/expect", "xfs", test_expect);
    lab_add("/save-fails/save-while-it-is-open", test_save_while_it_is_open);
    lab_add("/save-fails/saved-is-settled", test_saved_is_settled);
    lab_add("/save-fails/arriving-is-saved", test_arriving_is_saved);
    lab_add("/save-fails/restore-is-kept", test_restore_is_kept);
    lab_add("/save-fails/restore-is-kept-later", test_restore_is_kept_later);
    lab_add("/save-fails/each-call", test_each_call);
    lab_add("/save-fails/restore-is-continued", test_restore_is_continued);
    lab_add("/save-fails/begun-by-hand", test_begun_by_hand);
    lab_add("/save-fails/ended-meanwhile", test_ended_meanwhile);
    lab_add("/save-fails/continue-snapshot", test_continue_snapshot);
    lab_add("/save-fails/continue-linked", test_continue_linked);
    lab_add("/save-fails/foreign-cannot-be-told", test_foreign_cannot_be_told);
    lab_add("/save-fails/require-discardable", test_require_discardable);
}
