/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume as it lies on disk: its directory, its images, its record. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "common/format/volume-name.h"
#include "pool.h"
#include "revision-list.h"

/* One look at one of its files. */
typedef struct {
    bool there;
    struct stat st; /* where it is there */
} RlImage;

typedef struct {
    const RlPool *pool; /* borrowed */
    RlName *name;
    int dir;           /* its directory; -1 where that is missing */
    const char *actor; /* on whose behalf it is changed, for the log; borrowed, may be NULL */
    char *clean_file, *dirty_file, *precache_file, *record_file;

    /* What rl_volume_refresh() saw last. */
    RlImage clean, dirty, precache;
    RlRecord *record;   /* NULL for a plainly persistent volume */
    RlKind kind;        /* the record's, unless the images say otherwise */
    bool contradictory; /* the record says what the images do not: the images won */
} RlVolume;

/**
 * rl_volume_open:
 * Opens and looks at the volume @text (no revision) of @pool, which must outlive it; it need not
 * exist. Returns it, owned by the caller; NULL with @error: RL_ERROR_NAME, or what
 * rl_volume_refresh() says.
 */
RlVolume *rl_volume_open(const RlPool *pool, const char *text, GError **error);

/**
 * rl_volume_find:
 * As rl_volume_open(), but fails with RL_ERROR_NOT_FOUND where there is no such volume.
 */
RlVolume *rl_volume_find(const RlPool *pool, const char *text, GError **error);

/**
 * rl_volume_refresh:
 * Looks again. Opens no image. Fails with RL_ERROR_INVALID where something that is no regular file
 * has the name of an image, RL_ERROR_XML where there is nothing but a damaged record, or an errno.
 */
bool rl_volume_refresh(RlVolume *volume, GError **error);

/**
 * rl_volume_close:
 * Frees @volume; nothing for NULL.
 */
void rl_volume_close(RlVolume *volume);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlVolume, rl_volume_close)

/**
 * rl_volume_exists:
 * True if there is anything that makes it a volume: an image, or the record of a kind that has none
 * while stopped.
 */
bool rl_volume_exists(const RlVolume *volume);

/**
 * rl_volume_lock:
 * Takes the volume's lock and looks again. For whoever changes something: what is noted on images
 * must be seen (rl_pool_mark_require()). Returns the lock, owned by the caller; NULL with @error.
 */
RlLock *rl_volume_lock(RlVolume *volume, const char *purpose, GError **error);

/**
 * rl_volume_lock_to_read:
 * The same lock, for whoever changes nothing, whatever can be seen.
 */
RlLock *rl_volume_lock_to_read(RlVolume *volume, const char *purpose, GError **error);

/**
 * rl_volume_open_image:
 * Returns a descriptor, read-only, of the volume's file @file, owned by the caller; -1 with @error
 * naming both. RL_ERROR_BUSY where somebody has a lease on it for longer than a second.
 */
int rl_volume_open_image(const RlVolume *volume, const char *file, GError **error);

/**
 * rl_volume_sync:
 * Makes the volume's directory durable.
 */
bool rl_volume_sync(const RlVolume *volume, GError **error);

/**
 * rl_volume_log:
 * Writes one line of DEBUG about a file of the volume, with its name, its pool and the actor, if
 * there is one.
 */
void rl_volume_log(const RlVolume *volume, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * rl_volume_event:
 * Writes one line of INFO about what happened to the volume, for who asks for its history, with
 * fields (common/base/log.h): @event is a word for programs, and @revision the number of the one
 * that it made or removed, 0 for none. What it says has been done, and is as durable as it will be.
 */
void rl_volume_event(const RlVolume *volume, const char *event, uint64_t revision,
                     const char *format, ...) G_GNUC_PRINTF(4, 5);

/**
 * rl_volume_rename:
 * Renames one of the volume's files in place of another, and logs it. The directory is not synced.
 */
bool rl_volume_rename(const RlVolume *volume, const char *from, const char *to, GError **error);

/**
 * rl_volume_capacity:
 * The size in bytes that the volume has for its users: of its dirty, else its clean image, else as
 * recorded, for a stopped snapshot that of its source where that is larger, in whole sectors.
 */
bool rl_volume_capacity(const RlVolume *volume, uint64_t *ret_capacity, GError **error);
