/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume of ours as libvirt's definition of it. */
#pragma once

#include "virstorageobj.h"

#include "common/pool/revision-list.h"
#include "common/pool/volume.h"

/**
 * rl_volume_def_new:
 * Returns a definition with the name @name, the path @path, the key @key and the format raw; owned
 * by the caller.
 */
virStorageVolDef *rl_volume_def_new(const char *name, const char *key, const char *path);

/**
 * rl_volume_def_stat:
 * Sets sizes, permissions and time stamps of @vol as @st has them.
 */
void rl_volume_def_stat(virStorageVolDef *vol, const struct stat *st);

/**
 * rl_volume_def_sizes:
 * As rl_volume_def_stat(), but touches nothing that is allocated: for a definition that others use
 * at this moment.
 */
void rl_volume_def_sizes(virStorageVolDef *vol, const struct stat *st);

/**
 * rl_volume_def_access:
 * Sets the permissions of @vol; what is not said (-1) libvirt leaves out.
 */
void rl_volume_def_access(virStorageVolDef *vol, const RlAccess *access);

/**
 * rl_volume_def_volume:
 * Describes @volume as it was when it was looked at last: sizes, the permissions that its images
 * have at rest, and by its backing store the image it was made from.
 */
void rl_volume_def_volume(virStorageVolDef *vol, const RlVolume *volume);

/**
 * rl_volume_def_backing:
 * Sets (or with NULL takes away) the backing store of @vol.
 */
void rl_volume_def_backing(virStorageVolDef *vol, const char *path);

/**
 * rl_volume_def_path:
 * Returns the path of @file in the directory @dir of @pool, owned by the caller.
 */
char *rl_volume_def_path(const RlPool *pool, const char *dir, const char *file);
