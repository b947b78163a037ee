/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The line at the daemon's start that says that reflink pools are there, and one for each hook that
 * libvirt would not call: without it a domain's volumes are neither started nor committed. */
#pragma once

/**
 * rl_start_line_say:
 * Says that the module of @version (NULL where it does not say) serves libvirt @libvirt, and which
 * hooks are linked. A warning for each driver of libvirt that is installed and has none.
 */
void rl_start_line_say(const char *version, const char *libvirt);
