/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's pools by name. The hook cannot ask the daemon, which waits for it. */
#pragma once

/**
 * rl_pools_reflink_root:
 * Returns the path of libvirt's pool @name if that is a reflink pool, owned by the caller; NULL
 * where it is not, or not known.
 */
char *rl_pools_reflink_root(const char *name);
