/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's pools by name. The hook cannot ask the daemon, which waits for it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_pools_reflink_root:
 * Finds the real path of libvirt's pool @name if that is a reflink pool: *@ret_root, owned by the
 * caller; NULL where it is not, or not known. An untrusted marker counts, as in rl_pool_find().
 * False with @error where it cannot be told.
 */
bool rl_pools_reflink_root(const char *name, char **ret_root, GError **error);

/**
 * rl_pools_volume_path:
 * Returns the path that the volume @volume has in libvirt's pool @name if that is a directory, of
 * any kind; owned by the caller, NULL where no such pool is known.
 */
char *rl_pools_volume_path(const char *name, const char *volume);

/**
 * rl_pools_reflink_roots:
 * Returns the real paths of all reflink pools that libvirt knows, active or defined, as strings
 * owned by the caller. What cannot be read is left out, and the log says so.
 */
GPtrArray *rl_pools_reflink_roots(void);

/**
 * rl_pools_was_active:
 * True if libvirt's pool @name is active, and was started before @when_us (microseconds of the wall
 * clock): since then the name has stood for one directory. Any doubt is no. libvirt writes the
 * pool's state when it starts it (storagePoolCreate(), storagePoolCreateXML() in
 * src/storage/storage_driver.c), and not when the daemon starts again.
 */
bool rl_pools_was_active(const char *name, gint64 when_us);

/**
 * rl_pools_path:
 * Returns the path that libvirt knows the active pool at the real path @root by, which may lead
 * through symbolic links; @root itself where it knows none. Owned by the caller.
 */
char *rl_pools_path(const char *root);
