/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The user that libvirt's qemu driver runs device models as. */
#pragma once

#include <stdbool.h>

/**
 * rl_models_user_can_change:
 * True if that user can make @path lead elsewhere (common/fs/path-writers.h). He is known by
 * libvirt's directory for device models, which is his. Where that is root's, or is not there, they
 * have no user of their own: false.
 */
bool rl_models_user_can_change(const char *path);
