/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which revisions volumes have on disk, and had when libvirt's lists were last made like that.
 * vol-info asks for one volume after the other, and must not read a directory of thousands for
 * each. */
#pragma once

#include "common/pool/revision-list.h"
#include "common/pool/volume.h"

/**
 * rl_revision_cache_on_disk:
 * Returns the names of the files of @volume's revisions as they are now, in one string, owned by
 * the caller; NULL where that cannot be told. A directory is read once for all of its volumes, as
 * long as it does not change. A large one that does is watched (common/fs/name-watch.h), and then
 * read again only for a volume whose revisions have changed.
 */
char *rl_revision_cache_on_disk(const RlVolume *volume);

/**
 * rl_revision_cache_join:
 * Returns the same string made of @revisions, owned by the caller.
 */
char *rl_revision_cache_join(const GPtrArray *revisions);

/**
 * rl_revision_cache_is_listed:
 * True if the list of the volume @name in the pool at @root was last made like @files.
 */
bool rl_revision_cache_is_listed(const char *root, const char *name, const char *files);

/**
 * rl_revision_cache_note:
 * From now on rl_revision_cache_is_listed() is true of @files; of none if that is NULL.
 */
void rl_revision_cache_note(const char *root, const char *name, const char *files);

/**
 * rl_revision_cache_drop:
 * Forgets what is known of the directory @dir in the pool at @root: it is read again when it is
 * asked for.
 */
void rl_revision_cache_drop(const char *root, const char *dir);

/**
 * rl_revision_cache_forget:
 * Forgets all that is known of the pool at @root. Nothing is listed, as it is when libvirt's list
 * is about to be filled.
 */
void rl_revision_cache_forget(const char *root);
