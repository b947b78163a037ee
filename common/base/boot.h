/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which boot of the host this is. */
#pragma once

#include <glib.h>

/**
 * rl_boot_id:
 * Returns the id of the host's boot, owned by the caller; NULL with @error where it cannot be told.
 */
char *rl_boot_id(GError **error);

/**
 * rl_boot_began_us:
 * When this boot of the host began, in microseconds of the wall clock as that is set now; 0 where
 * that cannot be told. A container that has a boot id of its own (systemd-nspawn mounts a file over
 * the kernel's) has booted when it got that.
 */
gint64 rl_boot_began_us(void);

/**
 * rl_boot_host:
 * Returns which host (or container) this is, as it was installed (machine-id(5)), owned by the
 * caller; NULL where it has no such id.
 */
char *rl_boot_host(void);
