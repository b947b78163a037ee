/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose a domain's XML is. */
#pragma once

#include <stdbool.h>

#define RL_DOMAIN_UUID_LENGTH 36

typedef struct {
    const char *driver; /* "libxl" or "qemu": it counts its domains for itself */
    char uuid[RL_DOMAIN_UUID_LENGTH + 1];
} RlDomainId;

/**
 * rl_domain_id_read:
 * Whose the domain's XML @text is. False where it does not begin as libvirt lets it: with its type,
 * a name and a UUID, and without the namespaces in which libvirt hands words to the emulator.
 */
bool rl_domain_id_read(const char *text, RlDomainId *ret_id);
