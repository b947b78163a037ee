/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client-alive.h"

#include <errno.h>
#include <signal.h>

#include "internal.h"
#include "virerror.h"
#include "viridentity.h"
#include "virprocess.h"

#define LOOK_EVERY_US (200 * 1000)

/* Process ids are given again, but not with the same time of start. */
static bool
is_there(const RlClient *client)
{
    unsigned long long started;

    if (kill(client->pid, 0) < 0 && errno == ESRCH)
        return false;
    if (virProcessGetStartTime(client->pid, &started) < 0) {
        virResetLastError(); /* it ended just now: the next look tells */
        return true;
    }
    return started == 0 || started == client->started;
}

RlClient
rl_client_of_call(void)
{
    g_autoptr(virIdentity) identity = virIdentityGetCurrent();
    RlClient client = {0};

    if (!identity || virIdentityGetProcessID(identity, &client.pid) != 1 ||
        virIdentityGetProcessTime(identity, &client.started) != 1)
        client.pid = 0;
    /* Whoever opened the connection may have ended long ago, and left it to a child. */
    if (client.pid > 0 && !is_there(&client))
        client.pid = 0;
    return client;
}

bool
rl_client_is_there(void *data)
{
    RlClient *client = data;
    gint64 now_us = g_get_monotonic_time();

    if (client->pid <= 0 || now_us < client->next_look_us)
        return true;
    client->next_look_us = now_us + LOOK_EVERY_US;
    return is_there(client);
}
