/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to the disk that loses its power: more than a hundred steps on a pool, and what
 * guests write. */
#pragma once

#include "disk.h"

#include "common/format/image-owner.h"
#include "common/pool/pool.h"

/* The directory of the pool, below that where the disk is mounted. */
#define STORY_POOL "pool"

/* What a step that has returned promises of its volume. */
typedef enum {
    STEP_NAMES = 1 << 0, /* what was made or removed is so after a power cut */
    STEP_DATA = 1 << 1,  /* so is what a guest wrote into the dirty image */
    STEP_DROPS = 1 << 2, /* it promises nothing: revisions go one by one while it is under way */
} StepFlags;

typedef struct {
    Disk *disk;
    char *pool_path;
    RlPool *pool; /* NULL before it is built */
} Story;

/* The pool itself among the volumes. */
#define STORY_POOL_NAME "-"

typedef struct Step Step;

typedef struct {
    const char *word;
    bool (*act)(Story *story, const Step *step, GError **error);
    StepFlags flags;
} Action;

struct Step {
    const Action *action;
    const char *volume;
    const char *other; /* the template of a snapshot, what is cloned, or what it is to be */
    uint64_t tag, size;
    int wanted; /* the kind of a volume, what a stop comes to, flags of a start, ... */
    const RlDomainRef *owner; /* alice, if NULL */
};

extern const Action act_build, act_create, act_clone, act_label, act_revert, act_start, act_go_on,
    act_write, act_write_back, act_sync, act_stop, act_maintain, act_date_back, act_resize,
    act_upload, act_upload_sync, act_stream, act_stream_end, act_save, act_restore, act_confirm,
    act_keep, act_unstart, act_options, act_continue, act_discard, act_delete, act_delete_revision;

/* Tells the story on the file system of @disk, which is mounted at @mount_point and recorded. Each
 * step sets two marks:
 *
 *     begin FLAGS VOLUME WORDS
 *     done
 *     (the lines of story_describe(), as they will be after a power cut)
 */
void story_tell(Disk *disk, const char *mount_point);

/* As rl_model_describe(), with a line for the pool itself: "- pool keep 2". */
char *story_describe(const RlPool *pool, GError **error);

/* How often the kernel writes out of its own accord while a story is told: never, or before one in
 * so many of the engine's system calls. */
void story_set_kernel(const char *mount_point, guint one_in, guint32 seed);
