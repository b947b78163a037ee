/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tells the memory in one save file from that in another: a digest of a bounded part of it,
 * and the file's date. Nothing in it is interpreted. */
#pragma once

#include <sys/types.h>

#include "common/format/image-save.h"

/**
 * rl_memory_read:
 * Returns what is known of the memory in the open save file @fd, which begins at the byte @offset;
 * @path is for people, and may be NULL. Owned by the caller, never NULL. What an edit of the XML
 * before the memory changes (virsh save-image-edit) is left out but for the date; a date that
 * another host may have set is left out, too.
 */
RlMemory *rl_memory_read(int fd, const char *path, off_t offset);
