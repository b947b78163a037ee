/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client whose call is being answered. libvirt goes on with a call whose client is gone; for a
 * copy that may take an hour that is no use to anybody. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    pid_t pid; /* 0: not known, a client on another machine for one */
    unsigned long long started;
    gint64 next_look_us;
} RlClient;

/**
 * rl_client_of_call:
 * Returns the client whose call this thread answers.
 */
RlClient rl_client_of_call(void);

/**
 * rl_client_is_there:
 * False if the process of the RlClient @client is known, and is gone. Looks once in a while only,
 * and so is cheap.
 */
bool rl_client_is_there(void *client);
