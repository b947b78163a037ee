/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "common/run.h"
#include "common/stop.h"
#include "disks.h"

/**
 * rl_stop_patiently:
 * rl_volume_stop(), again and again while somebody still has the dirty image open, for at most
 * @patience_ms.
 */
bool rl_stop_patiently(const RlUse *use, const RlOwner *owner, int patience_ms, RlStop *ret_stop,
                       GError **error);
