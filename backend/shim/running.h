/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a running domain need a pool? The daemon itself learns it too late: its pools come first. */
#pragma once

#include <stdbool.h>

/**
 * rl_running_needs:
 * True if the status of a running domain, as libvirt's drivers keep it below /run, names a volume
 * of the pool @name, or a file in the pool's directory @path; both as libvirt writes them in XML.
 * What cannot be read counts as needed.
 */
bool rl_running_needs(const char *name, const char *path);
