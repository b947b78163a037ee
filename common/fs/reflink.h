/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The primitive the project lives on: one file becomes a reflink of another
 * (ioctl_ficlonerange(2)). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "sparse-copy.h"

/**
 * rl_reflink:
 * Makes the empty regular file @to share all data of @from; takes over the NOCOW flag of @from
 * first, without which btrfs answers EINVAL. Where it answers that since one of them has checksums
 * and the other has not (mount options nodatasum, nodatacow), @to is made like @from: without
 * checksums it is NOCOW as well. Costs time per extent. Fails with RL_ERROR_UNSUPPORTED
 * where these two files cannot be reflinked at all (no such file system, two file systems), else
 * with the errno, and @to is empty again: ENOSPC and EDQUOT can come when half of it is shared;
 * EFBIG is the limit of file-size-limit.h, which the kernel reports as EINVAL. None of these, nor
 * EINVAL, is a reason to copy.
 */
bool rl_reflink(int from, int to, GError **error);

/**
 * rl_clone:
 * As rl_reflink(), but where that is RL_ERROR_UNSUPPORTED and @may_copy is true copies the
 * data, with rl_stable_copy() and its errors, as @watch, which may be NULL, has it.
 */
bool rl_reflink_or_copy(int from, int to, bool may_copy, const RlCopyWatch *watch, GError **error);
