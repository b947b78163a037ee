/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to a domain's volumes when libvirt calls. */
#pragma once

#include "xml/domain.h"

/**
 * rl_event_prepare:
 * Starts all volumes of @domain, or none: if one fails, those before are put back. False with
 * @error.
 */
bool rl_event_prepare(const RlDomain *domain, GError **error);

/**
 * rl_event_release:
 * Stops all volumes that @domain runs on, and leaves to a worker what may come later. A volume that
 * cannot be stopped keeps no other from it; @error is the first of them.
 */
bool rl_event_release(const RlDomain *domain, GError **error);
