/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The user that libvirt's qemu driver runs device models as. */
#pragma once

#include <stdbool.h>

/**
 * rl_models_user_can_change:
 * True if that user can make @path lead elsewhere (common/fs/path-writers.h). The user is the owner
 * of libvirt's directory for device models. Where root owns it, or it is missing, device models
 * have no user of their own: false.
 */
bool rl_models_user_can_change(const char *path);
