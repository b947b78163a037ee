/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a storage pool lies, from libvirt's own file about it. */
#pragma once

#include <glib.h>

#define RL_POOL_SIZE_MAX (5 << 20) /* bytes; our options with their largest, and libvirt's part */

/**
 * rl_xml_target_path:
 * Returns the target path of the pool in the @length bytes at @text, a <pool> or the <poolstate>
 * around one, owned by the caller. Fails with RL_ERROR_XML as rl_xml_parse() does, above
 * RL_POOL_SIZE_MAX, or if there is none or it is not absolute.
 */
char *rl_xml_target_path(const char *text, size_t length, const char *what, GError **error);
