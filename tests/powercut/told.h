/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A story as the marks in its recording tell it: how each volume may look at a moment of it. */
#pragma once

#include "look.h"
#include "record.h"
#include "story.h"

typedef struct Told Told;

/* Reads the marks of @recording, which must outlive it. Owned by the caller. */
Told *told_new(const Recording *recording);
void told_free(Told *told);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Told, told_free)

/* The epoch in which the story begins. */
guint told_first_epoch(const Told *told);

/* The step that was under way when the epoch ended, for people; owned by the caller. */
char *told_moment(const Told *told, guint epoch);

/* True if the pool was there for good when the epoch ended. */
bool told_has_pool(const Told *told, guint epoch);

/* True if a renaming was under way when the epoch ended. */
bool told_is_renaming(const Told *told, guint epoch);

/* The names of the pool and of all volumes of the story as far as it had got when the epoch ended;
 * owned by the caller, the strings borrowed. */
GPtrArray *told_volumes(const Told *told, guint epoch);

/* All sizes that volumes have in the story: uint64_t, borrowed. */
const GArray *told_sizes(const Told *told);

/* How a volume may look: like one of these, or on its way from one to the next. */
typedef struct {
    const Look *look;
    StepFlags flags; /* of the step that made it so */
} Stage;

/* The stages of @volume if the power goes when @epoch ends: as it was made durable last (@promise:
 * its names, or its guest's data), and all that came after. In the order of the story; owned by the
 * caller. */
GArray *told_stages(const Told *told, guint epoch, const char *volume, StepFlags promise);
const Stage *told_stage(const GArray *stages, guint i);

/* The highest number that a revision of @volume, as that is there when @epoch ends, had been given
 * for good; 0 where there was none. */
uint64_t told_highest(const Told *told, guint epoch, const char *volume);
