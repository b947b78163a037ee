/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An overlay of an administrator's own on an image at rest: it is worth something only on the state
 * that it was made on. The name of a clean image leads to another state after each commit, and the
 * pool's limit prunes revisions.
 *
 * The overlay's file says which state it ran on (overlay-base.h): the image at rest, by its id,
 * size and date, and the name of its volume. That image says that it is a layer (RL_ATTR_LAYER): it
 * is not pruned when it has become a revision. Nor is a revision that a domain has as a read-only
 * disk, or what a saved one has read as a clean image: its saved memory may need it. The mark is
 * never taken off by itself: overlays and saved memory may lie anywhere, and of a domain that is
 * defined no more, or names another file now, it cannot be known whether it will be restored or
 * defined again. A mark that is of no use any more costs the space of that revision, until an
 * administrator deletes it. */
#pragma once

#include "xml/domain.h"

/**
 * rl_layer_bases_require:
 * @domain is about to start: true if each of its overlays finds the image at rest below it that it
 * ran on before, by whatever name, unchanged, and notes both. Else false with RL_ERROR_STATE,
 * naming the file that has what it ran on, if that is there (layer-refusal.h). A named revision
 * that was made from that state (image-copy.h) is right, too. What cannot be noted is logged. An
 * overlay that is itself given as a volume, or made before a commit and first started after it, is
 * not told. In a pool whose paths are links, where an overlay is on the path of a volume at rest,
 * it must have been on the clean image, or hold nothing yet: else the dirty image that it is on was
 * lost.
 */
bool rl_layer_bases_require(const RlDomain *domain, GError **error);

/**
 * rl_layer_bases_note:
 * @domain runs, or has run: notes the same of what was plugged into it. What an overlay says that
 * it is on stays, and of an image that may have got its name since the run began nothing is noted:
 * the domain may have had another one. Of a domain without a record of its run (run-record.h)
 * nothing is known. A failure is logged.
 */
void rl_layer_bases_note(const RlDomain *domain);

/**
 * rl_layer_bases_keep_read:
 * @domain was saved, and rl_at_rest_end() was not called yet: the clean images that are its
 * read-only disks are kept from pruning, whatever name they have by now. A failure is logged.
 */
void rl_layer_bases_keep_read(const RlDomain *domain);
