/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A revision as the source of a disk, by its pool and its name as a volume (NAME@7, NAME@LABEL). */
#pragma once

#include "common/pool/volume.h"

typedef struct {
    RlPool *pool;
    RlVolume *volume;
    char *file; /* NULL: it is none of a reflink pool, or libvirt will not find it */
    bool labelled;
} RlRevisionSource;

/**
 * rl_revision_source_find:
 * Finds the revision with the name @text in libvirt's pool @pool_name; with @text NULL there is
 * none. False with @error where that cannot be told.
 */
bool rl_revision_source_find(const char *pool_name, const char *text, RlRevisionSource *revision,
                             GError **error);

void rl_revision_source_clear(RlRevisionSource *revision);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlRevisionSource, rl_revision_source_clear)
