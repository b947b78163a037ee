/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The space of a pool, in JSON. */
#pragma once

#include "backend/cli/json.h"
#include "common/pool/pool.h"

/**
 * rl_space_begin_json:
 * Begins the object of what is said of @pool: its directory, and the bytes that its file system has
 * and that are free, and whether that is low (common/pool/free-space.h), where that can be told.
 */
void rl_space_begin_json(RlJson *json, const RlPool *pool);
