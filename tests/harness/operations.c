/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations.h"

#include "common/fs/xattr.h"

#define DEEP "deep/er/scratch"
#define WEB "web"
#define SNAP "vm/private-dirty.one" /* a snapshot "one.img" has its file there */
#define REVISION(n) "vm/private.img." n "@2018-01-02T03:04:05Z"

#define DO(...)      \
    (const Step[])   \
    {                \
        __VA_ARGS__, \
        {            \
            0        \
        }            \
    }

/* --- What there is before */

#define READY STEP(ready, NULL)
#define MAKE(of, the_kind) \
    STEP(create, of, .wanted = RL_KIND_##the_kind, .other = V, .tag = 1, .size = SIZE)
#define REMAINS(file) STEP(put, NULL, .other = "vm/" file, .tag = 9, .size = SIZE)

/* A run; one that is committed. */
#define RUN(of, n) STEP(start, of), STEP(write, of, .tag = n)
#define COMMIT(of, n) RUN(of, n), STEP(stop, of, .wanted = RL_STOP_COMMITTED)

#define PLAIN READY, MAKE(V, PERSISTENT)
/* Clean 3, revisions 1 and 2, "named" 3. */
#define PRIVATE \
    PLAIN, COMMIT(V, 2), COMMIT(V, 3), STEP(label, V, .other = "named"), STEP(date_back, V)
#define PRECACHED PRIVATE, STEP(maintain, V)
#define EDITED PRECACHED, STEP(edit_clean, V, .tag = 9, .size = SIZE)
#define FRAGMENTED PRIVATE, STEP(scatter, V), STEP(maintain, V)
#define SNAPSHOT PRIVATE, MAKE(ROOT, SNAPSHOT)
#define VOLATILE READY, MAKE(SCRATCH, VOLATILE)
#define DIRECT_ONE READY, MAKE(DIRECT, DIRECT)
#define BESIDE_DIRECT PRIVATE, MAKE(DIRECT, DIRECT)
/* Somebody has made a link to it, for a backup. */
#define LINKED_DIRECT DIRECT_ONE, STEP(link, DIRECT, .other = "outside/backup")

#define RUNNING PRIVATE, RUN(V, 4)
#define RUNNING_SNAPSHOT SNAPSHOT, RUN(ROOT, 4)
#define RUNNING_VOLATILE VOLATILE, RUN(SCRATCH, 4)
#define RUNNING_DIRECT DIRECT_ONE, RUN(DIRECT, 4)
#define UNWRITTEN PRIVATE, STEP(start, V)
#define READ_ONLY PRIVATE, STEP(start, V, .wanted = RL_START_READONLY)
#define LEFT RUNNING, STEP(age, V)
#define LEFT_DIRECT RUNNING_DIRECT, STEP(age, DIRECT)
#define BY_HAND PRIVATE, STEP(start, V, .owner = &by_hand), STEP(write, V, .tag = 4)

#define SAVE(of) STEP(save, of, .other = "outside", .owner = &alice_of_4)
#define RESTORE(of, memory) \
    STEP(restore, of, .wanted = RL_START_RESTORED, .owner = &alice_of_##memory)
#define SAVED RUNNING, SAVE(V)
#define SAVED_SNAPSHOT RUNNING_SNAPSHOT, SAVE(ROOT)
#define RESTORED SAVED_SNAPSHOT, RESTORE(ROOT, 4)
#define KEPT RUNNING_SNAPSHOT, STEP(keep, ROOT)
/* It was saved, restored, and has run on. */
#define SAVED_AGAIN                                                   \
    SAVED, RESTORE(V, 4), STEP(confirm, V), STEP(write, V, .tag = 5), \
        STEP(save, V, .other = "outside", .owner = &alice_of_5)
#define RUNNING_AGAIN SAVED, RESTORE(V, 4), STEP(confirm, V), STEP(write, V, .tag = 5)
/* A guest is to come by a migration, and some of it has. */
#define ARRIVING PRIVATE, STEP(start, V, .wanted = RL_START_ARRIVING), STEP(write, V, .tag = 4)
#define LINKED_SHORT \
    READY, MAKE(WEB, PERSISTENT), RUN(WEB, 2), STEP(link_short, WEB, .other = "web.img")

/* The path of a volume is a link. */
#define LINKS READY, STEP(options, NULL, .other = "links")
#define LINKED LINKS, MAKE(WEB, PERSISTENT)
#define LINKED_RUNNING LINKED, RUN(WEB, 2)

/* A deletion was cut off. */
#define OTHER_GONE PRIVATE, REMAINS("other.img~0123ab")
#define PLAIN_GONE PLAIN, STEP(unlink, NULL, .other = "vm/private.img")
/* Of a commit that was cut off when the clean image had its second name already. */
#define HALF_COMMITTED(n) STEP(link, V, .other = "pool/" REVISION(n))
/* More revisions than are kept, a precache that is none any more, and what a crash left. */
#define UNTIDY                                                                            \
    PRECACHED, COMMIT(V, 4), STEP(maintain, V), COMMIT(V, 5), COMMIT(V, 6), COMMIT(V, 7), \
        REMAINS("private.img~0123ab")

/* A revision is more than is kept. */
#define UNPRUNED PRECACHED, COMMIT(V, 4), STEP(maintain, V), COMMIT(V, 5)

/* --- What is done */

#define START(of, ...) DO(STEP(start, of, ##__VA_ARGS__))
#define STOP(of, what, ...) DO(STEP(stop, of, .wanted = RL_STOP_##what, ##__VA_ARGS__))
#define MAINTAIN(of) DO(STEP(maintain, of))
#define STAGE(of, the_kind) \
    DO(STEP(stage, of, .wanted = RL_KIND_##the_kind, .other = V, .size = SIZE))
#define CLONE(the_kind, from) \
    DO(STEP(clone, "vm/clone", .wanted = RL_KIND_##the_kind, .other = from, .size = SIZE))
#define RESIZE(of, to) DO(STEP(resize, of, .size = to))
/* After a crash nobody may be known to run on it any more: the domain is started once more, and
 * goes on with what was left. */
#define RESTART(of, ...) DO(STEP(start, of, ##__VA_ARGS__), STEP(end, of, ##__VA_ARGS__))
#define DELETE_REST(of) DO(STEP(delete_rest, of, .size = SIZE))
#define LABEL DO(STEP(label, V, .other = "label", .size = SIZE))
#define REVERT(of, to) DO(STEP(revert, of, .other = to, .size = SIZE))
/* And it becomes one of the other kind. */
#define BECOME(the_kind, of, to) \
    DO(STEP(become, of, .other = to, .size = SIZE, .wanted = RL_KIND_##the_kind))
#define STREAM(how) DO(STEP(how, V, .tag = 1, .size = SIZE))
#define RECEIVE(of, changes) DO(STEP(receive, of, .tag = 9, .size = SIZE, .wanted = changes))

const Operation operations[] = {
    /* Making volumes, revisions, and new contents. */
    {"create-persistent", DO(PRIVATE), STAGE("new/deep/private", PERSISTENT), NULL, 0, 0},
    {"create-direct", DO(PRIVATE), STAGE(DIRECT, DIRECT), NULL, 0, 0},
    {"create-snapshot", DO(PRIVATE), STAGE(ROOT, SNAPSHOT), NULL, 0, 0},
    {"create-volatile", DO(PRIVATE), STAGE("scratch", VOLATILE), NULL, 0, 0},
    /* A record of another kind, a temporary. */
    {"create-over-remains",
     DO(PRIVATE, REMAINS("clone.img~0123ab"), MAKE(DIRECT, DIRECT),
        STEP(copy_record, "vm/clone", .other = DIRECT)),
     CLONE(PERSISTENT, V "@2"), NULL, OP_IN_PARTS, 0},
    {"clone", DO(PRIVATE), CLONE(PERSISTENT, V "@2"), NULL, 0, EACH},
    {"clone-confined", DO(PRIVATE), CLONE(PERSISTENT, V "@2"), NULL, OP_CONFINED, 0},
    {"create-record-confined", DO(PRIVATE), STAGE(ROOT, SNAPSHOT), NULL, OP_CONFINED, 0},
    {"clone-to-direct", DO(PRIVATE), CLONE(DIRECT, V), NULL, 0, 0},
    {"label", DO(PRIVATE), LABEL, NULL, 0, EACH},
    {"label-confined", DO(PRIVATE), LABEL, NULL, OP_CONFINED, 0},
    /* Where it is copied, what has a date of this moment may be copied twice. */
    {"label-running", DO(RUNNING, STEP(date_dirty, V, .tag = 30)), LABEL, NULL, 0, EACH},
    {"revert", DO(PRECACHED), REVERT(V, V "@1"), NULL, OP_SKIPS_NUMBERS, EACH},
    {"revert-confined", DO(PRECACHED), REVERT(V, V "@1"), NULL, OP_SKIPS_NUMBERS | OP_CONFINED, 0},
    {"revert-aborted", DO(PRIVATE), DO(STEP(give_up, V, .other = V "@1", .size = SIZE)), NULL,
     OP_SKIPS_NUMBERS | OP_IS_CAREFUL, 0},
    {"become-direct", DO(PRECACHED), BECOME(DIRECT, V, V "@1"), NULL,
     OP_SKIPS_NUMBERS | OP_KIND_COMES_FIRST, EACH},
    {"become-persistent", DO(BESIDE_DIRECT), BECOME(PERSISTENT, DIRECT, V), NULL,
     OP_SKIPS_NUMBERS | OP_KIND_COMES_FIRST, EACH},
    {"upload", DO(BESIDE_DIRECT), STREAM(stream), NULL, 0, EACH | AGAIN},
    {"upload-confined", DO(BESIDE_DIRECT), STREAM(stream), NULL, OP_CONFINED, 0},
    {"receive-new", DO(PRIVATE), RECEIVE("new/deep/copy", 0), NULL, 0, EACH | AGAIN},
    {"receive-full", DO(BESIDE_DIRECT), RECEIVE(V, 0), NULL, OP_NOT_SWEPT, EACH},
    {"receive-changes", DO(BESIDE_DIRECT), RECEIVE(V, 1), NULL, 0, EACH | AGAIN},
    {"receive-rest", DO(BESIDE_DIRECT),
     DO(STEP(receive_rest, V, .tag = 9, .size = SIZE, .wanted = 1)), NULL, 0, 0},
    {"upload-aborted", DO(BESIDE_DIRECT), STREAM(stream_aborted), NULL, 0, 0},

    /* Starts. */
    {"start-precache", DO(PRECACHED), START(V), NULL, 0, EACH},
    {"start-clone", DO(PRIVATE), START(V), NULL, 0, EACH | GONE | AGAIN | LOST},
    {"start-clone-confined", DO(PRIVATE), START(V), NULL, OP_CONFINED, 0},
    /* Where blocks do not tell, the date alone counts as an edit, and a start that fails to keep
     * the state before goes on: what comes of it is not one state. */
    {"start-stale-precache", DO(PRECACHED, STEP(date_back, V, .tag = 50)), START(V), NULL,
     OP_NOT_SWEPT, EACH},
    {"start-readonly", DO(PRECACHED), START(V, .wanted = RL_START_READONLY), NULL, 0, 0},
    {"start-shared", DO(READ_ONLY), START(V, .wanted = RL_START_READONLY, .owner = &bob), NULL, 0,
     0},
    {"start-leftover", DO(LEFT), START(V, .owner = &bob), NULL, 0, EACH},
    {"start-takeover", DO(RUNNING), START(V), NULL, 0, 0},
    {"start-snapshot-precache", DO(SNAPSHOT, STEP(maintain, ROOT)), START(ROOT), NULL, 0, 0},
    {"start-snapshot-clone", DO(SNAPSHOT), START(ROOT), NULL, 0, 0},
    {"start-snapshot-leftover", DO(RUNNING_SNAPSHOT, STEP(age, ROOT)), START(ROOT), NULL,
     OP_IN_PARTS, 0},
    {"start-volatile", DO(VOLATILE), START(SCRATCH), NULL, 0, EACH},
    {"start-volatile-confined", DO(VOLATILE), START(SCRATCH), NULL, OP_CONFINED, 0},
    {"start-volatile-leftover", DO(RUNNING_VOLATILE, STEP(age, SCRATCH)), START(SCRATCH), NULL,
     OP_IN_PARTS, 0},
    {"start-direct", DO(DIRECT_ONE), START(DIRECT), NULL, 0, 0},
    {"start-direct-linked", DO(LINKED_DIRECT), START(DIRECT), NULL, 0, EACH | GONE},
    {"start-direct-confined", DO(LINKED_DIRECT), START(DIRECT), NULL, OP_CONFINED, 0},
    {"start-direct-leftover", DO(LEFT_DIRECT), START(DIRECT), NULL, 0, 0},
    {"unstart", DO(UNWRITTEN), DO(STEP(unstart, V)), RESTART(V),
     OP_LEAVES | OP_COUNTS_AS_WRITTEN | OP_NEEDS_BOOT, 0},
    {"unstart-volatile", DO(RUNNING_VOLATILE), DO(STEP(unstart, SCRATCH)), RESTART(SCRATCH),
     OP_LEAVES, 0},
    {"unstart-direct", DO(RUNNING_DIRECT), DO(STEP(unstart, DIRECT)), RESTART(DIRECT), OP_LEAVES,
     0},

    /* Stops. */
    {"stop-commit", DO(RUNNING), STOP(V, COMMITTED), RESTART(V), OP_LEAVES, EACH | GONE | LOST},
    {"stop-commit-unnumbered", DO(RUNNING, STEP(forget, V, .other = RL_ATTR_HIGHEST)),
     STOP(V, COMMITTED), RESTART(V), OP_LEAVES, EACH},
    {"stop-commit-half-done", DO(RUNNING, HALF_COMMITTED("3")), STOP(V, COMMITTED), RESTART(V),
     OP_LEAVES, 0},
    {"stop-unwritten", DO(UNWRITTEN), DO(STEP(stop_careful, V, .wanted = RL_STOP_COMMITTED)),
     RESTART(V), OP_LEAVES | OP_COUNTS_AS_WRITTEN | OP_IS_CAREFUL, EACH | GONE},
    {"stop-readonly", DO(READ_ONLY), STOP(V, DROPPED), NULL, OP_LEAVES, 0},
    {"stop-snapshot", DO(RUNNING_SNAPSHOT), STOP(ROOT, DROPPED), NULL, OP_LEAVES, 0},
    {"stop-snapshot-unwritten", DO(SNAPSHOT, STEP(start, ROOT, .owner = &xen)),
     DO(STEP(stop_careful, ROOT, .wanted = RL_STOP_DROPPED, .owner = &xen)),
     RESTART(ROOT, .owner = &xen), OP_LEAVES | OP_IS_CAREFUL, EACH},
    {"stop-volatile", DO(RUNNING_VOLATILE), STOP(SCRATCH, DROPPED), NULL, 0, EACH},
    {"stop-volatile-resized", DO(RUNNING_VOLATILE, STEP(set_size, SCRATCH, .size = 2 * SIZE)),
     STOP(SCRATCH, DROPPED), NULL, 0, EACH},
    {"stop-direct", DO(RUNNING_DIRECT), STOP(DIRECT, RETURNED), RESTART(DIRECT), OP_LEAVES, EACH},

    /* Dirty images that outlive a run. */
    {"save", DO(RUNNING), DO(SAVE(V)), NULL, OP_ERROR_COMES_LATE, EACH | GONE},
    {"save-snapshot", DO(RUNNING_SNAPSHOT), DO(SAVE(ROOT)), NULL, OP_ERROR_COMES_LATE, EACH},
    {"keep", DO(RUNNING_SNAPSHOT), DO(STEP(keep, ROOT)), NULL, OP_LEAVES | OP_ERROR_COMES_LATE, 0},
    {"keep-below", DO(RUNNING_SNAPSHOT), DO(STEP(keep_below, ROOT)), NULL,
     OP_LEAVES | OP_ERROR_COMES_LATE, 0},
    {"save-below", DO(RUNNING), DO(STEP(save_below, V)), NULL, OP_ERROR_COMES_LATE, EACH | GONE},
    {"start-overlaid", DO(RUNNING_SNAPSHOT, STEP(keep_below, ROOT)),
     START(ROOT, .wanted = RL_START_OVERLAID), NULL, OP_LEAVES, EACH},
    {"restore", DO(SAVED), DO(RESTORE(V, 4)), NULL, 0, EACH},
    {"restore-snapshot", DO(SAVED_SNAPSHOT), DO(RESTORE(ROOT, 4)), NULL, 0, 0},
    {"restore-confirmed", DO(RESTORED), DO(STEP(confirm, ROOT)), NULL, 0, EACH},
    {"restore-failed", DO(RESTORED), DO(STEP(keep, ROOT)), NULL, OP_LEAVES | OP_ERROR_COMES_LATE,
     EACH},
    {"start-kept", DO(KEPT), START(ROOT), NULL, OP_LEAVES, EACH},
    /* The start is put back: what was kept is kept. */
    {"unstart-kept", DO(KEPT, STEP(start, ROOT)), DO(STEP(unstart_kept, ROOT)), NULL,
     OP_LEAVES | OP_ERROR_COMES_LATE, EACH},
    {"unshare", DO(RUNNING), DO(STEP(unshare_dirty, V)), NULL, OP_LEAVES, EACH | GONE},
    {"discard", DO(LEFT), DO(STEP(discard, V)), NULL, 0, EACH},
    {"discard-saved", DO(SAVED), DO(STEP(discard, V)), NULL, 0, 0},
    {"continue", DO(LEFT), DO(STEP(continue, V)), NULL, OP_LEAVES | OP_ERROR_COMES_LATE, EACH},
    /* Another clean image was put there since the run, and a person says which one is right. */
    {"continue-other-base", DO(LEFT, STEP(swap_clean, V, .tag = 8, .size = SIZE)),
     DO(STEP(continue, V)), NULL, OP_LEAVES | OP_ERROR_COMES_LATE, EACH},
    {"continue-saved", DO(SAVED), DO(STEP(continue, V)), NULL, OP_LEAVES | OP_ERROR_COMES_LATE,
     EACH},
    {"arrival-drop", DO(ARRIVING), DO(STEP(drop_arrival, V)), NULL, 0, EACH},
    {"arrival-confirm", DO(ARRIVING), DO(STEP(arrived, V)), NULL, 0, EACH},
    {"claim", DO(BY_HAND), DO(STEP(claim, V)), DO(STEP(claim, V, .wanted = true)), 0, EACH},
    {"claim-below", DO(BY_HAND), DO(STEP(claim_below, V)), DO(STEP(claim_below, V, .wanted = true)),
     0, EACH},

    /* What is noted besides the state of an image. */
    {"save-again", DO(RUNNING_AGAIN), DO(STEP(save, V, .other = "outside", .owner = &alice_of_5)),
     NULL, OP_ERROR_COMES_LATE, EACH},
    {"restore-earlier", DO(SAVED_AGAIN),
     DO(STEP(restore_refused, V, .wanted = RL_START_RESTORED, .owner = &alice_of_4)), NULL, 0,
     EACH},
    {"restore-last", DO(SAVED_AGAIN), DO(RESTORE(V, 5)), NULL, 0, EACH},
    {"end-late", DO(RUNNING, STEP(wait, V)), DO(STEP(end_late, V)), DO(STEP(end_late_again, V)),
     OP_LEAVES | OP_ERROR_COMES_LATE, 0},
    /* Of a domain that is off, so that all else would take it for a volume. */
    {"overlay-file", DO(PRIVATE, STEP(put, NULL, .other = SNAP ".img", .tag = 5, .size = SIZE)),
     DO(STEP(claim_overlay, SNAP)), NULL, 0, EACH},
    {"pool-mark", DO(PRIVATE, STEP(unmark, NULL)), DO(STEP(mark_pool, NULL)), NULL,
     OP_MAY_DO_NOTHING, EACH},

    /* Deleting, resizing, tidying up. */
    {"delete", DO(PRECACHED, STEP(delete_revision, V, .other = "named")),
     DO(STEP(delete_unlabelled, V)), DELETE_REST(V), OP_IN_PARTS, 0},
    {"delete-with-labels", DO(PRECACHED), DO(STEP(delete, V)), DELETE_REST(V), OP_IN_PARTS,
     EACH | GONE},
    {"delete-left", DO(LEFT), DO(STEP(delete, V)), DELETE_REST(V), OP_IN_PARTS, EACH},
    {"delete-snapshot", DO(SNAPSHOT, STEP(maintain, ROOT)), DO(STEP(delete_unlabelled, ROOT)),
     DELETE_REST(ROOT), OP_IN_PARTS, 0},
    {"delete-volatile", DO(READY, MAKE(DEEP, VOLATILE)), DO(STEP(delete_unlabelled, DEEP)),
     DELETE_REST(DEEP), OP_IN_PARTS, 0},
    {"delete-direct", DO(DIRECT_ONE), DO(STEP(delete_unlabelled, DIRECT)), DELETE_REST(DIRECT),
     OP_IN_PARTS, 0},
    {"delete-revision", DO(PRECACHED), DO(STEP(delete_revision, V, .other = "2")), NULL, 0, 0},
    {"delete-label", DO(PRECACHED), DO(STEP(delete_revision, V, .other = "named")), NULL, 0, 0},
    {"rename", DO(PRECACHED), DO(STEP(rename, V, .other = "vm/renamed")), NULL, OP_IN_PARTS, EACH},
    {"prune-by", DO(PLAIN, COMMIT(V, 2), COMMIT(V, 3)), DO(STEP(prune_by, V, .wanted = 1)), NULL,
     OP_IN_PARTS | OP_MAY_DO_PARTS, EACH},
    {"resize-dirty-grow", DO(RUNNING), RESIZE(V, 2 * SIZE), NULL, OP_ERROR_COMES_LATE, EACH},
    {"resize-dirty-allocate", DO(RUNNING), DO(STEP(allocate, V, .size = 2 * SIZE)), NULL,
     OP_ERROR_COMES_LATE, EACH},
    {"resize-dirty-shrink", DO(RUNNING), RESIZE(V, 8 * RL_MODEL_BLOCK), NULL, OP_ERROR_COMES_LATE,
     EACH},
    {"resize-device-grow", DO(RUNNING), RESIZE(V, 2 * SIZE), NULL,
     OP_ERROR_COMES_LATE | OP_ON_DEVICE, 0},
    {"resize-device-shrink", DO(RUNNING), RESIZE(V, 8 * RL_MODEL_BLOCK), NULL,
     OP_ERROR_COMES_LATE | OP_ON_DEVICE, 0},
    {"resize-clean-grow", DO(PRECACHED), RESIZE(V, 2 * SIZE), NULL, 0, EACH},
    {"resize-clean-confined", DO(PRECACHED), RESIZE(V, 2 * SIZE), NULL, OP_CONFINED, 0},
    {"resize-clean-allocate", DO(PRECACHED), DO(STEP(allocate, V, .size = 2 * SIZE)), NULL, 0,
     EACH | GONE | LOST},
    {"resize-clean-shrink", DO(PRIVATE), RESIZE(V, 8 * RL_MODEL_BLOCK), NULL, 0, 0},
    {"resize-record", DO(READY, MAKE(DEEP, VOLATILE)), RESIZE(DEEP, 2 * SIZE), NULL, 0, EACH},
    {"defragment", DO(FRAGMENTED), DO(STEP(defragment, V)), NULL, 0, EACH | GONE | LOST},
    {"defragment-confined", DO(FRAGMENTED), DO(STEP(defragment, V)), NULL, OP_CONFINED, 0},
    {"tidy", DO(UNTIDY), MAINTAIN(V), NULL, OP_IN_PARTS | OP_MAY_DO_PARTS | OP_HAS_OTHER_WAY, EACH},
    /* The revision that is one too many becomes the precache. */
    {"tidy-remade", DO(UNPRUNED), MAINTAIN(V), NULL,
     OP_IN_PARTS | OP_MAY_DO_PARTS | OP_HAS_OTHER_WAY, EACH | GONE | LOST},
    {"tidy-snapshot", DO(SNAPSHOT), MAINTAIN(ROOT), NULL, 0, EACH},
    {"tidy-confined", DO(SNAPSHOT), MAINTAIN(ROOT), NULL, OP_CONFINED, 0},
    {"tidy-gone", DO(OTHER_GONE), MAINTAIN("vm/other"), NULL, 0, 0},
    {"clear-gone", DO(OTHER_GONE), DO(STEP(clear, "vm/other")), NULL, 0, EACH},
    /* The record is what a deletion drops last but one. */
    {"clear-record",
     DO(OTHER_GONE, MAKE("vm/other", DIRECT), STEP(unlink, NULL, .other = "vm/other.img")),
     DO(STEP(clear, "vm/other")), NULL, 0, EACH},

    /* Of a clean image that was edited at rest. */
    {"keep-edit", DO(EDITED), DO(STEP(keep_edit, V)), NULL, 0, EACH | GONE | LOST},
    {"start-edited", DO(EDITED), START(V), NULL, OP_NOT_SWEPT, EACH},
    {"tidy-edited", DO(EDITED), MAINTAIN(V), NULL, OP_NOT_SWEPT, EACH},
    {"revert-edited", DO(EDITED), REVERT(V, V "@1"), NULL, OP_NOT_SWEPT, EACH},

    /* Short paths. */
    {"link", DO(READY, MAKE(WEB, PERSISTENT), RUN(WEB, 2)),
     DO(STEP(link_short, WEB, .other = "web.img")), NULL, 0, EACH},
    {"link-again", DO(LINKED_SHORT), DO(STEP(link_short, WEB, .other = "web.img")), NULL, 0, EACH},
    {"link-tidy", DO(LINKED_SHORT, STEP(stop, WEB, .wanted = RL_STOP_COMMITTED)),
     DO(STEP(tidy_short, WEB)), NULL, OP_MAY_DO_NOTHING, EACH},

    {"path-create", DO(LINKS), STAGE(WEB, PERSISTENT), NULL, 0, EACH},
    {"path-start", DO(LINKED), START(WEB), NULL, 0, EACH},
    {"path-start-precache", DO(LINKED, STEP(date_back, WEB), STEP(maintain, WEB)), START(WEB), NULL,
     0, EACH},
    {"path-start-direct", DO(LINKS, MAKE(WEB, DIRECT)), START(WEB), NULL, 0, EACH},
    {"path-stop-commit", DO(LINKED_RUNNING), STOP(WEB, COMMITTED), RESTART(WEB), OP_LEAVES, EACH},
    {"path-stop-unwritten", DO(LINKED, STEP(date_back, WEB), STEP(start, WEB)),
     DO(STEP(stop_careful, WEB, .wanted = RL_STOP_COMMITTED)), RESTART(WEB),
     OP_LEAVES | OP_COUNTS_AS_WRITTEN | OP_IS_CAREFUL, EACH},
    {"path-stop-direct", DO(LINKS, MAKE(WEB, DIRECT), RUN(WEB, 2)), STOP(WEB, RETURNED),
     RESTART(WEB), OP_LEAVES, EACH},
    {"path-discard", DO(LINKED_RUNNING, STEP(age, WEB)), DO(STEP(discard, WEB)), NULL, 0, EACH},
    {"path-rename", DO(LINKED), DO(STEP(rename, WEB, .other = "other")), NULL, OP_IN_PARTS, EACH},
    {"path-delete", DO(LINKED), DO(STEP(delete_unlabelled, WEB)), DELETE_REST(WEB), OP_IN_PARTS,
     EACH},

    /* Pools as such. */
    {"pool-build", DO(STEP(make_dir, NULL, .other = "outside")), DO(STEP(build, NULL)), NULL, 0,
     EACH | LOST},
    {"pool-build-confined", DO(STEP(make_dir, NULL, .other = "outside")), DO(STEP(build, NULL)),
     NULL, OP_CONFINED, 0},
    {"pool-build-deep", DO(STEP(make_dir, NULL, .other = "outside")),
     DO(STEP(build, NULL, .other = "in/it")), NULL, 0, 0},
    /* A tree of before, without a marker. */
    {"pool-build-adopt",
     DO(PRIVATE, STEP(unmark, NULL), STEP(unlink, NULL, .other = RL_POOL_MARKER)),
     DO(STEP(build, NULL)), NULL, 0, 0},
    {"adopt", DO(PRIVATE, STEP(put, NULL, .other = RL_MODEL_PLAIN, .tag = 5, .size = SIZE)),
     DO(STEP(adopt, "plain")), NULL, 0, EACH | GONE},
    {"adopt-snapshot", DO(PRIVATE), DO(STEP(adopt_snapshot, ROOT, .other = V)), NULL, 0, EACH},
    {"adopt-volatile", DO(PRIVATE), DO(STEP(adopt_volatile, DEEP, .size = SIZE)), NULL, 0, EACH},
    {"pool-delete", DO(READY, STEP(make_dir, NULL, .other = "pool/a/b")),
     DO(STEP(delete_pool, NULL)), NULL, 0, EACH | LOST},
    {"pool-options", DO(PRIVATE), DO(STEP(options, NULL, .wanted = 2)), NULL, 0, EACH | AGAIN},
    {"pool-options-confined", DO(PRIVATE), DO(STEP(options, NULL, .wanted = 2)), NULL, OP_CONFINED,
     0},
    {"pool-scan", DO(PRIVATE), DO(STEP(scan, NULL)), NULL, 0, EACH},

/* What is done to the calls alone. */
#define CALLS_ONLY NULL, OP_NOT_SWEPT
    {"open", DO(READY), DO(STEP(open, NULL)), CALLS_ONLY, EACH | AGAIN},
    {"pool-build-owned", DO(STEP(make_dir, NULL, .other = "outside")),
     DO(STEP(build, NULL, .owner = &nobody)), CALLS_ONLY, EACH | LOST},
    {"space", DO(READY), DO(STEP(space, NULL)), CALLS_ONLY, EACH},
    {"state", DO(LEFT), DO(STEP(state, V)), CALLS_ONLY, EACH},
    {"capacity", DO(SNAPSHOT), DO(STEP(capacity, ROOT)), CALLS_ONLY, EACH},
    {"read-direct", DO(LEFT_DIRECT), DO(STEP(read, DIRECT)), CALLS_ONLY, EACH},
    /* The list of its readers is in /run, and the image is as it was. */
    {"reader", DO(PLAIN), DO(STEP(read_at_rest, V)), CALLS_ONLY, EACH | GONE | AGAIN | LOST},
    {"reader-renamed", DO(PLAIN), DO(STEP(read_at_rest, V, .other = REVISION("9"))), CALLS_ONLY,
     EACH | GONE},
    {"reader-settled", DO(PLAIN, STEP(begin_to_read, V)), DO(STEP(settle_readers, V)), CALLS_ONLY,
     EACH | GONE},
    {"whole", DO(RUNNING), DO(STEP(require_whole, V)), CALLS_ONLY, EACH | GONE},
    {"create-over-record", DO(PLAIN_GONE), STAGE(V, DIRECT), CALLS_ONLY, EACH},
    {"give-up", DO(PLAIN), DO(STEP(give_up, V)), CALLS_ONLY, EACH | LOST},
    {"clone-and-grow", DO(PLAIN),
     DO(STEP(clone, "c/clone", .wanted = RL_KIND_PERSISTENT, .other = V, .size = 2 * SIZE)),
     CALLS_ONLY, EACH},
    {"start-first", DO(PLAIN), START(V), CALLS_ONLY, EACH | GONE | LOST},
    {"start-saved", DO(SAVED), START(V), CALLS_ONLY, EACH},
    {"start-restored", DO(SAVED, STEP(announce, V, .owner = &alice_of_4)),
     START(V, .wanted = RL_START_RESTORED, .owner = &alice_of_4), CALLS_ONLY, EACH},
    {"start-unnumbered", DO(PLAIN, STEP(forget, V, .other = RL_ATTR_ID)), START(V), CALLS_ONLY,
     EACH},
    {"start-linked", DO(PLAIN, STEP(link, V, .other = "pool/vm/other")), START(V), CALLS_ONLY,
     EACH},
    {"start-direct-shared", DO(DIRECT_ONE, STEP(link, DIRECT, .other = "pool/vm/other")),
     START(DIRECT), CALLS_ONLY, EACH | GONE},
    {"start-snapshot-grown",
     DO(PLAIN, STEP(create, ROOT, .wanted = RL_KIND_SNAPSHOT, .other = V, .size = 2 * SIZE)),
     START(ROOT), CALLS_ONLY, EACH},
    {"start-running-volatile", DO(VOLATILE, STEP(start, SCRATCH)), START(SCRATCH), CALLS_ONLY,
     EACH},
    {"start-and-unstart", DO(PLAIN), DO(STEP(start_unstart, V)), CALLS_ONLY, EACH | LOST},
    {"start-and-unstart-kept", DO(RUNNING, STEP(keep_below, V)),
     DO(STEP(start_unstart, V, .wanted = RL_START_OVERLAID)), CALLS_ONLY, EACH | LOST},
    /* The dates of its image say nothing: it goes. */
    {"start-and-unstart-snapshot", DO(SNAPSHOT), DO(STEP(start_unstart, ROOT)), CALLS_ONLY,
     EACH | LOST},
    {"stop-linked", DO(PLAIN, COMMIT(V, 2), HALF_COMMITTED("7"), RUN(V, 3)), STOP(V, COMMITTED),
     CALLS_ONLY, EACH},
    {"stop-found", DO(RUNNING, STEP(disown, V)), DO(STEP(end, V, .owner = &nobody)), CALLS_ONLY,
     EACH | GONE},
    /* The name of the next revision is that of another one. */
    {"stop-taken",
     DO(PLAIN, COMMIT(V, 2), COMMIT(V, 3), STEP(date_as, V, .tag = 2),
        STEP(set_highest, V, .tag = 1), RUN(V, 4)),
     STOP(V, COMMITTED), CALLS_ONLY, EACH},
    {"keep-private", DO(RUNNING), DO(STEP(keep, V)), CALLS_ONLY, EACH},
    {"keep-private-below", DO(RUNNING), DO(STEP(keep_below, V)), CALLS_ONLY, EACH},
    {"announce", DO(SAVED), DO(STEP(announce, V, .owner = &alice_of_4)), CALLS_ONLY, EACH},
    {"confirm", DO(SAVED, RESTORE(V, 4)), DO(STEP(confirm, V)), CALLS_ONLY, EACH},
    {"delete-linked-revision", DO(PLAIN, COMMIT(V, 2), HALF_COMMITTED("7")),
     DO(STEP(delete_revision, V, .other = "7")), CALLS_ONLY, EACH},
    {"maintain-left", DO(LEFT), MAINTAIN(V), CALLS_ONLY, EACH},
    {"maintain-stopped", DO(PLAIN), MAINTAIN(V), CALLS_ONLY, EACH | GONE},
    {"maintain-remains", DO(PLAIN_GONE), MAINTAIN(V), CALLS_ONLY, EACH},
    {"maintain-record", DO(DIRECT_ONE, STEP(unlink, NULL, .other = "vm/direct.img")),
     MAINTAIN(DIRECT), CALLS_ONLY, EACH},
    {"prune", DO(PLAIN, COMMIT(V, 2), COMMIT(V, 3), STEP(options, NULL, .wanted = 1)), MAINTAIN(V),
     CALLS_ONLY, EACH},
    {0},
};
