/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which Xen domain has a disk. */
#pragma once

/**
 * rl_xen_disks_owner:
 * Returns the name of the running Xen domain that has the file @path as a disk, whoever started it,
 * owned by the caller; NULL where none has, where Xen does not run, or where it cannot be asked.
 * Matches the file, not the spelling of its path.
 */
char *rl_xen_disks_owner(const char *path);
