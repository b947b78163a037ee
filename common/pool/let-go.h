/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domains whose overlays on a kept dirty image an administrator let go of, and when: what
 * libvirt wrote of one of them later is another overlay, which counts. */
#pragma once

#include "volume.h"

/**
 * rl_let_go_names:
 * Returns the names of the domains whose overlays on the dirty image @fd of @volume do not count,
 * of which libvirt has written no definition since; NULL-terminated, owned by the caller. What
 * cannot be read names none.
 */
char **rl_let_go_names(const RlVolume *volume, int fd);

/**
 * rl_let_go_add:
 * Notes on the image @fd that the overlay of @domain was let go of now. Durable with its next
 * fsync(2). RL_ERROR_STATE where more are noted already than an attribute takes.
 */
bool rl_let_go_add(const RlVolume *volume, int fd, const char *domain, GError **error);
