/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One volume, as list and info show it. */
#pragma once

#include "backend/cli/json.h"
#include "common/pool/volume-state.h"

/* What is behind the state of a run whose end could not be committed. */
#define RL_WAITS_FOR_SPACE " [ended; its commit waits for space]"

typedef struct {
    RlVolume *volume;
    RlState state;
    RlImageOwner *run; /* who runs or ran on it; NULL for nobody */
    char *below;       /* the domain whose disk is an overlay on it; NULL for none */
} RlLook;

/**
 * rl_look:
 * Looks at the volume @name, which must exist. Returns what is seen, owned by the caller; NULL with
 * @error as rl_volume_find() and rl_state_get_below() have it.
 */
RlLook *rl_look(const RlPool *pool, const char *name, GError **error);

/**
 * rl_look_free:
 * Frees @look; nothing for NULL.
 */
void rl_look_free(RlLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlLook, rl_look_free)

/**
 * rl_look_source_state:
 * Of a snapshot volume: "gone" if its source has no image to begin with, "outdated" if its dirty
 * image was made from another one than the source has now, else "current". Of another kind NULL.
 * Static.
 */
const char *rl_look_source_state(const RlLook *look);

/**
 * rl_look_image:
 * The image that holds the volume's present state: the dirty one, else the clean one. NULL where it
 * has neither.
 */
const RlImage *rl_look_image(const RlLook *look);

/**
 * rl_look_next_step:
 * What is to be done about a dirty image that no domain runs on, for a person; NULL where nothing
 * is. Static.
 */
const char *rl_look_next_step(const RlLook *look);

/**
 * rl_look_json:
 * Writes the members of a volume, but for its name and its revisions, into the object that is open
 * in @json.
 */
void rl_look_json(const RlLook *look, RlJson *json);

/**
 * rl_look_revisions_json:
 * Writes @revisions, of RlRevision, of the volume @name as the array "revisions"; with @changes
 * (rl_revision_changes()), which may be NULL, also what changed from one to the next.
 */
void rl_look_revisions_json(const GPtrArray *revisions, const GArray *changes, const char *name,
                            RlJson *json);

/**
 * rl_look_warn_if_blind:
 * Warns where this process does not see what is noted on the images of @pool: it shows states that
 * are not so.
 */
void rl_look_warn_if_blind(const RlPool *pool);
