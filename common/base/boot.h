/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which boot of the host this is. */
#pragma once

#include <glib.h>

/**
 * rl_boot_id:
 * Returns the id of the host's boot, owned by the caller; NULL with @error where it cannot be told.
 */
char *rl_boot_id(GError **error);
