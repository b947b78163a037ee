/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What systemd would start libvirt's daemons with. */
#pragma once

typedef enum {
    RL_SERVICE_UNKNOWN, /* systemd does not run here, or does not answer */
    RL_SERVICE_MISSING, /* it has no such service, or an administrator has masked it */
    RL_SERVICE_PLAIN,   /* it starts the daemon without the variable */
    RL_SERVICE_HAS,     /* with it: the drop-in of libvirt-reflink is in force */
} RlService;

/**
 * rl_service_look:
 * Asks systemctl(1) whether the service @name ("libvirtd") has the variable @variable in its
 * environment.
 */
RlService rl_service_look(const char *name, const char *variable);
