/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to a pool, one step after the other: the sweep of faults, the unit tests that let
 * each call fail, and the story of the power cuts are made of these. A state is the steps that lead
 * there. */
#pragma once

#include "harness/lab.h"
#include "harness/model.h"

typedef struct Step Step;

/* Where steps are done. */
typedef struct {
    char *path;                 /* the pool's directory */
    RlPool *pool;               /* once a step has asked for it: see site_pool() */
    void (*count)(bool counts); /* told around what is not the engine's doing; or NULL */
} Site;

/* What a step that has returned promises of its volume. */
typedef enum {
    STEP_NAMES = 1 << 0, /* what was made or removed is so after a power cut */
    STEP_DATA = 1 << 1,  /* so is what a guest wrote into the dirty image */
    STEP_DROPS = 1 << 2, /* it promises nothing: revisions go one by one while it is under way */
    STEP_MOVES = 1 << 3, /* so they come under another volume's name, before that is there */
} StepFlags;

typedef struct {
    const char *word;
    bool (*act)(Site *site, const Step *step, GError **error);
    StepFlags flags;
} Action;

struct Step {
    const Action *action; /* NULL ends an array of them */
    const char *volume;
    const char *other; /* the template of a snapshot, what is cloned, or what it is to be */
    uint64_t tag, size;
    int wanted; /* the kind of a volume, what a stop comes to, flags of a start, ... */
    const RlDomainRef *owner; /* alice, if NULL */
};

#define STEP(name, of, ...)                                \
    {                                                      \
        .action = &act_##name, .volume = of, ##__VA_ARGS__ \
    }

/* Domains besides those of lab.h: one that was started by hand, and alice with the memory that she
 * was saved with when the disk was filled with 4, or 5. With nobody an operation is told of no
 * domain. */
extern const RlDomainRef nobody, alice_of_4, alice_of_5;

/* Operations of the engine, and what guests do; steps.c says what each takes. */
extern const Action act_build, act_create, act_stage, act_clone, act_label, act_revert, act_become,
    act_give_up, act_start, act_go_on, act_start_unstart, act_unstart, act_unstart_kept, act_stop,
    act_stop_careful, act_end, act_maintain, act_clear, act_defragment, act_resize, act_allocate,
    act_upload, act_upload_sync, act_stream, act_stream_aborted, act_stream_end, act_save,
    act_save_below, act_restore, act_announce, act_confirm, act_restore_refused, act_keep,
    act_keep_below, act_options, act_continue, act_discard, act_delete, act_delete_unlabelled,
    act_delete_rest, act_delete_revision, act_prune_by, act_rename, act_drop_arrival, act_arrived,
    act_claim, act_claim_below, act_end_late, act_end_late_again, act_claim_overlay, act_mark_pool,
    act_link_short, act_tidy_short, act_delete_pool, act_open, act_scan, act_space, act_state,
    act_capacity, act_keep_edit, act_read, act_write, act_write_back, act_sync, act_date_back;

/* Readers of images at rest, and images that are to be read by nobody; see readers.c. */
extern const Action act_read_at_rest, act_begin_to_read, act_settle_readers, act_unshare_dirty,
    act_require_whole;

/* What a directory had before it was a pool; see adoptions.c. */
extern const Action act_adopt, act_adopt_snapshot, act_adopt_volatile;

/* A stream of the state @tag comes, with @wanted of what is to change only; it is cut off, and the
 * rest comes; see streams.c. */
extern const Action act_receive, act_receive_rest;

/* What other programs, crashes and time do; oddities.c says what each takes. */
extern const Action act_ready, act_age, act_wait, act_disown, act_forget, act_set_highest,
    act_date_as, act_date_dirty, act_link, act_put, act_make_dir, act_unlink, act_set_size,
    act_copy_record, act_swap_clean, act_edit_clean, act_unmark, act_scatter;

/**
 * steps_play:
 * Does all of @steps on the pool @path, opening it (uncounted) if it is there. False with @error of
 * the first that fails.
 */
bool steps_play(const Step *steps, const char *path, void (*count)(bool counts), GError **error);

/**
 * site_pool:
 * The pool, opened (uncounted) by the first who asks; borrowed. NULL with @error.
 */
RlPool *site_pool(Site *site, GError **error);

/**
 * site_own_pool:
 * The same, opened once more (uncounted) and owned by the caller, or by what takes it over.
 */
RlPool *site_own_pool(Site *site, GError **error);

/* What a step does between is not the engine's. */
void site_pause(const Site *site);
void site_resume(const Site *site);

/* The path of the volume's file of that role, and of a @relative one beside the pool; owned by the
 * caller. */
char *site_file(const Site *site, const char *name, RlFileRole role);
char *site_beside(const Site *site, const char *relative);

/* An open file of the volume's, for what goes on behind the engine's back; -1 with @error. */
int site_open(const Site *site, const char *name, RlFileRole role, int flags, GError **error);

/* The file system has no reflinks, says $FS: pools copy there. */
bool pools_copy(void);
