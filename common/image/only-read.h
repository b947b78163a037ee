/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dirty image that its domains only read holds nothing, and is dropped; unless it was written to
 * all the same: by a domain that was given the disk while it ran, or by hand. */
#pragma once

#include "common/pool/opened-image.h"
#include "dirty-image.h"

/**
 * rl_only_read_is_written:
 * Says in *@ret_written whether @image, a persistent volume's that was only read, was written to
 * since it was made: it has not the size and the modification time that it was given then. A backup
 * program may have cut that to whole seconds.
 *
 * Where the time may hide a write (rl_unwritten_is_in_doubt()), blocks that are not shared with the
 * clean image are compared, as far as they are not too many to be read while a domain waits. What
 * cannot be compared (the pool copies, the clean image was replaced) is judged by size and time
 * alone: the domain was not to write. The caller has the lock. @base is what rl_base_open()
 * returned with it, or NULL: then it is opened here.
 */
bool rl_only_read_is_written(const RlDirtyImage *image, const RlBase *base, bool *ret_written,
                             GError **error);

/**
 * rl_only_read_refuse:
 * Marks @image, which was only read, as suspect, and says that its volume cannot be @what, since it
 * was written to; and the ways out. Without a run the image is kept on purpose, and stays so.
 * Always false. A crash before the mark is durable leaves the image as it is: the next look finds
 * the same.
 */
bool rl_only_read_refuse(const RlDirtyImage *image, const char *what, GError **error);
