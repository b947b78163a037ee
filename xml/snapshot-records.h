/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's records of a domain's snapshots say lies below each overlay. Their directory
 * belongs to the device models' user: it is read with bounds, and no link in it is followed. */
#pragma once

#include <glib.h>

#include "domain.h"
#include "image-search.h"

/**
 * rl_snapshot_records_read:
 * Returns a graph (layer-graph.h) of each overlay that a snapshot of @domain made and what the disk
 * was before, with the file that had its data; owned by the caller. Adds it to that of the whole
 * search if @search keeps one. NULL with
 * @error where the records cannot be opened at once, or are more than one search reads. A record
 * that is no XML is passed over.
 */
GHashTable *rl_snapshot_records_read(RlImageSearch *search, const char *domain, GError **error);

/**
 * rl_snapshot_records_read_rest:
 * Reads the records of all domains that rl_snapshot_records_read() was not asked for, which are no
 * more defined, for rl_lone_overlays_find(). Returns the name of one whose records cannot be read,
 * owned by the caller, having noted why; else NULL.
 */
char *rl_snapshot_records_read_rest(RlImageSearch *search);

/**
 * rl_snapshot_records_lead:
 * True if the overlays in the graph @bases lead from @path, which is one, down to the image of
 * @search, as any of the records has it; also where that are more layers than libvirt permits.
 */
bool rl_snapshot_records_lead(const RlImageSearch *search, GHashTable *bases, const char *path);

/**
 * rl_snapshot_records_note_doubt:
 * Notes in @search, or says in the log, that the records of @domain could not be read for @error.
 */
void rl_snapshot_records_note_doubt(RlImageSearch *search, const char *domain, const GError *error);
