/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much each revision of a volume differs from the one before it. */
#pragma once

#include "backend/cli/cli.h"
#include "common/pool/revision-list.h"
#include "common/pool/volume.h"

typedef struct {
    const RlRevision *before; /* the one that it was compared with, borrowed; NULL: there is none,
                                 or one of the two was removed meanwhile */
    uint64_t bytes;           /* in which they may differ */
    bool exact;               /* in which they do differ */
} RlChanged;

/**
 * rl_revision_changes:
 * Compares each of @revisions, of @volume, with the one whose state is the next older one: by the
 * last write to it, among equal dates by the order they have. Does that as 'diff' does, and shows a
 * person how far it has come. Returns an array of as many RlChanged, in the order of @revisions,
 * owned by the caller; NULL with @error as rl_content_open() or rl_changes_find() has it.
 */
GArray *rl_revision_changes(const RlCall *call, const RlVolume *volume, const GPtrArray *revisions,
                            GError **error);
