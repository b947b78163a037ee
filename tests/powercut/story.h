/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to the disk that loses its power: more than a hundred steps on a pool, and what
 * guests write. */
#pragma once

#include "disk.h"

#include "harness/steps.h"

/* The directory of the pool, below that where the disk is mounted. */
#define STORY_POOL "pool"

/* The pool itself among the volumes. */
#define STORY_POOL_NAME "-"

/* A volume gets another name at last; nothing of the old name is made after that. */
#define STORY_OLD_NAME "web1"
#define STORY_NEW_NAME "app/moved"

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
