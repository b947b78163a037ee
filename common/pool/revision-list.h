/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The revisions of a volume: earlier clean images, numbered or named. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/format/volume-name.h"

typedef struct {
    uint64_t number; /* of an automatic revision; 0 for a named one */
    char *label;     /* of a named revision, else NULL */
    char *file;      /* the file's name in the volume's directory */
    struct stat st;
} RlRevision;

/**
 * rl_revision_new:
 * Returns a revision for the file @file, whose role is RL_FILE_REVISION (@number) or RL_FILE_LABEL
 * (@label).
 */
RlRevision *rl_revision_new(const char *file, uint64_t number, const char *label,
                            const struct stat *st);

/**
 * rl_revision_free:
 * Frees @revision; nothing for NULL.
 */
void rl_revision_free(RlRevision *revision);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlRevision, rl_revision_free)

/**
 * rl_revision_name:
 * Returns the revision's name as users write it, "VOLUME@7", owned by the caller.
 */
char *rl_revision_name(const RlRevision *revision, const char *volume);

/**
 * rl_revisions_new:
 * Returns an empty array that owns its RlRevisions.
 */
GPtrArray *rl_revisions_new(void);

/**
 * rl_revisions_list:
 * Returns the revisions of the volume with the last component @leaf in @dir, owned by the caller:
 * automatic ones by rising number, then named ones by label. What is no regular file is passed
 * over.
 */
GPtrArray *rl_revisions_list(int dir, const char *leaf, GError **error);

/**
 * rl_revisions_sort:
 * Puts @revisions into the order of rl_revisions_list().
 */
void rl_revisions_sort(GPtrArray *revisions);

/**
 * rl_revisions_newest:
 * The automatic revision with the highest number, borrowed; NULL where there is none.
 */
const RlRevision *rl_revisions_newest(const GPtrArray *revisions);

/**
 * rl_revisions_find:
 * The revision with that number, or that label if @label is not NULL, borrowed; NULL where there is
 * none.
 */
const RlRevision *rl_revisions_find(const GPtrArray *revisions, uint64_t number, const char *label);

/**
 * rl_revisions_find_named:
 * *@ret_revision is the one that @name stands for (RL_NAME_REVISION, RL_NAME_LABEL), borrowed; NULL
 * where there is none. False with RL_ERROR_STATE where several files have that number: the history
 * of a copy of the volume was put beside its own, and one would be taken for the other.
 */
bool rl_revisions_find_named(const GPtrArray *revisions, const RlName *name,
                             const RlRevision **ret_revision, GError **error);
