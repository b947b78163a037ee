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
 * rl_event_start:
 * libvirt has found the layers below @domain's disks, which a definition does not name where an
 * external snapshot was made while the domain was off: starts the volumes among them that `prepare`
 * did not see, or none. False with @error: the domain must not run.
 */
bool rl_event_start(const RlDomain *domain, GError **error);

/**
 * rl_event_reconnect:
 * A daemon that has come back has found @domain running: what its XML names is its own, also what
 * it was given while it ran. Then as rl_event_started().
 */
bool rl_event_reconnect(const RlDomain *domain, GError **error);

/**
 * rl_event_restore:
 * Lets the `prepare` that follows have the volumes that @domain was saved on.
 */
bool rl_event_restore(const RlDomain *domain, GError **error);

/**
 * rl_event_migrate:
 * Lets the `prepare` that follows know that @domain is to come by a migration.
 */
bool rl_event_migrate(const RlDomain *domain, GError **error);

/**
 * rl_event_started:
 * Notes that @domain has started, so that what it was restored on ends with it.
 */
bool rl_event_started(const RlDomain *domain, GError **error);

/**
 * rl_event_stopped:
 * Notes for rl_event_release() how the run of @domain ends, which only now can be seen. False with
 * @error where something is there that cannot be read: the end is one of which nothing is known.
 */
bool rl_event_stopped(const RlDomain *domain, GError **error);

/**
 * rl_event_release:
 * Ends the run of @domain on its volumes, in the way that its ending asks for, and leaves to a
 * worker what may come later. A volume that cannot be ended keeps no other from it; @error is the
 * first of them.
 */
bool rl_event_release(const RlDomain *domain, GError **error);
