/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vol-upload: a stream of libvirt's that ends in one atomic step, or in nothing. */
#pragma once

#include "storage_backend.h"

#include "common/operation/staged-image.h"

/**
 * rl_upload_stream_start:
 * Makes @stream an upload into @draft (from rl_upload_begin()), which it takes over (also on
 * failure), beginning at byte @offset and at most @length bytes long (0: up to the end of the
 * volume). 0, or -1 with libvirt's error set.
 */
int rl_upload_stream_start(virStreamPtr stream, RlStagedImage *draft, unsigned long long offset,
                           unsigned long long length);
