/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making the daemon's list of volumes true again. */
#pragma once

/**
 * rl_refresh_daemon:
 * Asks libvirt for information about the volume @name of the pool at @root, which makes the module
 * look at it and its revisions. Only for a process that no daemon waits for. Failures are nobody's
 * harm: the next refresh finds what there is.
 */
void rl_refresh_daemon(const char *root, const char *name);

/**
 * rl_refresh_daemon_pool:
 * Asks libvirt to look at the whole pool at @root, where it is active: after a volume was made or
 * deleted. As rl_refresh_daemon() otherwise.
 */
void rl_refresh_daemon_pool(const char *root);
