/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which revisions volumes have on disk, and had when libvirt's lists were last made like that.
 * vol-info asks for one volume after the other, and must not read a directory of thousands for
 * each. */
#pragma once

#include "common/pool/revisions.h"
#include "common/pool/volume.h"

/**
 * rl_seen_on_disk:
 * Returns the names of the files of @volume's revisions as they are now, in one string, owned by
 * the caller; NULL where that cannot be told. A directory is read once for all of its volumes, as
 * long as it does not change.
 */
char *rl_seen_on_disk(const RlVolume *volume);

/**
 * rl_seen_join:
 * Returns the same string made of @revisions, owned by the caller.
 */
char *rl_seen_join(const GPtrArray *revisions);

/**
 * rl_seen_is_listed:
 * True if the list of the volume @name in the pool at @root was last made like @files.
 */
bool rl_seen_is_listed(const char *root, const char *name, const char *files);

/**
 * rl_seen_note:
 * From now on rl_seen_is_listed() is true of @files; of none if that is NULL.
 */
void rl_seen_note(const char *root, const char *name, const char *files);

/**
 * rl_seen_drop:
 * Forgets what is known of the volume @name in the pool at @root, and of its directory @dir: it is
 * read again when it is asked for.
 */
void rl_seen_drop(const char *root, const char *name, const char *dir);

/**
 * rl_seen_forget:
 * Forgets all that is known of the pool at @root.
 */
void rl_seen_forget(const char *root);
