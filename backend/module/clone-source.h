/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the content of a vol-clone comes from: this pool, another reflink pool, or a pool of any
 * kind. */
#pragma once

#include "storage_backend.h"
#include "virstorageobj.h"

#include "common/operation/staged-image.h"

/**
 * rl_clone_source_pool:
 * Opens the reflink pool that the definition @vol is a volume of, whatever pool object that is in:
 * *@ret_pool, owned by the caller; NULL where it is none. False with @error where that cannot be
 * told, or the pool not be opened.
 */
bool rl_clone_source_pool(const virStorageVolDef *vol, RlPool **ret_pool, GError **error);

/**
 * rl_clone_source_open:
 * Returns a descriptor, read-only, of the content of @input for @draft, owned by the caller;
 * *@ret_same_pool says whether that is in the draft's pool. A named revision takes the volume's
 * state of this moment, everything else a last committed one. -1 with
 * @error: what rl_content_open() says; RL_ERROR_INVALID for a revision of another volume's content;
 * RL_ERROR_UNSUPPORTED for a format other than raw, or what is neither a file nor a block device.
 */
int rl_clone_source_open(RlStagedImage *draft, const virStorageVolDef *input, bool *ret_same_pool,
                         GError **error);

/**
 * rl_clone_source_build_stock:
 * libvirt's own buildVolFrom for a pool that is not ours, @build, which reads @input by path: of a
 * reflink volume, that of its last committed state. 0, or -1 with libvirt's error set.
 */
int rl_clone_source_build_stock(virStorageBackendBuildVolFrom build, virStoragePoolObj *obj,
                                virStorageVolDef *vol, virStorageVolDef *input, unsigned int flags);
