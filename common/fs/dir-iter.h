/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entries of a directory that is open already. */
#pragma once

#include <dirent.h>
#include <glib.h>
#include <stdbool.h>

typedef struct {
    DIR *stream;
    int failure; /* the errno that ended the reading; 0 where it has come to the end, or not yet */
    unsigned char type; /* of the entry that was returned last: DT_REG, DT_DIR, ... or DT_UNKNOWN */
} RlDirIter;

/**
 * rl_dir_iter_open:
 * Begins to read @dir, which stays open and the caller's. Returns the iterator, owned by the
 * caller; NULL with @error.
 */
RlDirIter *rl_dir_iter_open(int dir, GError **error);

/**
 * rl_dir_iter_next:
 * Returns the next name ("." and ".." left out), valid until the next call; NULL at the end. An
 * error while reading ends it too: see rl_dir_iter_are_all().
 */
const char *rl_dir_iter_next(RlDirIter *entries);

/**
 * rl_dir_iter_are_all:
 * True if what rl_dir_iter_next() returned until NULL was all that is there. Else false with
 * @error: then nothing may be concluded from what was not seen.
 */
bool rl_dir_iter_are_all(const RlDirIter *entries, GError **error);

/**
 * rl_dir_iter_close:
 * Ends it; nothing for NULL.
 */
void rl_dir_iter_close(RlDirIter *entries);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlDirIter, rl_dir_iter_close)
