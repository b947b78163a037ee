/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the command virt-reflink can do. Each function prints what it did and returns false with
 * @error if it could not. */
#pragma once

#include "common/pool/pool.h"

bool rl_command_list(const RlPool *pool, const char *volume, GError **error);
bool rl_command_info(const RlPool *pool, const char *volume, GError **error);
bool rl_command_start(const RlPool *pool, const char *volume, GError **error);
bool rl_command_stop(const RlPool *pool, const char *volume, GError **error);
bool rl_command_continue(const RlPool *pool, const char *volume, GError **error);
bool rl_command_discard(const RlPool *pool, const char *volume, GError **error);
