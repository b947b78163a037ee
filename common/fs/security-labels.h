/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's security drivers note on an image (trusted.libvirt.security.*, since libvirt 6.0
 * with remember_owner): who owned it before, and how many domains have it. */
#pragma once

/**
 * rl_security_labels_forget:
 * Removes these attributes from the image @fd. Only for an image that no run is left on: libvirt
 * counts runs there. A failure is logged.
 */
void rl_security_labels_forget(int fd);
