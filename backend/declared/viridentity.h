/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Who calls, in this thread. */
#pragma once

#include "internal.h"

typedef struct _virIdentity virIdentity;

virIdentity *virIdentityGetCurrent(void);
int virIdentitySetCurrent(virIdentity *identity);
virIdentity *virIdentityGetSystem(void);
int virIdentityGetProcessID(virIdentity *identity, pid_t *ret_pid);
int virIdentityGetProcessTime(virIdentity *identity, unsigned long long *ret_started);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virIdentity, g_object_unref)
