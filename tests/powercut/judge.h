/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says whether a pool is as it may be after a power cut in the midst of a story. */
#pragma once

#include "told.h"

typedef struct Judge Judge;

/* @told must outlive it. Owned by the caller. */
Judge *judge_new(const Told *told);
void judge_free(Judge *judge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Judge, judge_free)

/**
 * judge_pool:
 * True if the pool at @path, after a power cut at the end of @epoch that left what it left, is
 * complete: for each volume how it looked after one of the story's steps. None that had returned
 * and promised to be durable may be missing, none that had not begun may be there, and a dirty
 * image holds all that its guest had synced. Else false with @error, which names the volume.
 */
bool judge_pool(const Judge *judge, guint epoch, const char *path, GError **error);
