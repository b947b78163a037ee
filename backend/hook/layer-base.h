/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An overlay of an administrator's own on an image at rest: it is worth something only on the state
 * that it was made on. The name of a clean image leads to another state after each commit, and the
 * pool's limit prunes revisions.
 *
 * The overlay's file says which state it ran on (RL_ATTR_ON): the id of the image at rest, and the
 * name of its volume. That image says that it is a layer (RL_ATTR_LAYER): it is not pruned when it
 * has become a revision. Nor is a revision that a domain has as a read-only disk: its saved memory
 * may need it. */
#pragma once

#include "xml/domain.h"

/**
 * rl_layer_bases_require:
 * @domain is about to start: true if each of its overlays finds the image at rest below it that it
 * ran on before, and notes both. Else false with RL_ERROR_STATE, naming the revision that it ran
 * on, if that is there. A named revision is always right: it does not change. What cannot be noted
 * is logged. An overlay that is itself given as a volume, or made before a commit and first started
 * after it, is not told.
 */
bool rl_layer_bases_require(const RlDomain *domain, GError **error);
