/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file in which libvirt keeps the memory of a domain for its next start. */
#pragma once

#include <glib.h>

#define RL_QEMU_SAVE_DIR "/var/lib/libvirt/qemu/save"
#define RL_LIBXL_SAVE_DIR "/var/lib/libvirt/libxl/save"

/**
 * rl_managed_save_since:
 * Returns the path of the managed save file of the domain @name in @dir, owned by the caller, if it
 * is a regular file that was written since @began_ms (of the clock of the wall), when the run
 * began; NULL where it was not, or that is 0.
 */
char *rl_managed_save_since(const char *dir, const char *name, gint64 began_ms);
