/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libvirt-client.h"

#include <dlfcn.h>
#include <signal.h>

#include "common/base/error.h"

const struct RlLibvirtDriver rl_libvirt_drivers[RL_LIBVIRT_DRIVERS] = {
    {"qemu", "qemu:///system"},
    {"libxl", "xen:///system"},
};

/* The library would print it. */
static void
ignore_error(void *data, virErrorPtr error)
{
    (void) data;
    (void) error;
}

bool
rl_libvirt_client_load(RlLibvirtClient *client, GError **error)
{
    void *handle = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    bool whole = handle;

#define LOAD(function)                                          \
    client->function = whole ? dlsym(handle, #function) : NULL; \
    whole = whole && client->function
    RL_LIBVIRT_FUNCTIONS(LOAD);
    if (!whole)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "cannot ask libvirt: its client library (libvirt.so.0) cannot be loaded: "
                       "%s. Install it",
                       dlerror());
    client->virSetErrorFunc(NULL, ignore_error);
    /* It writes to a daemon that may just have gone. */
    signal(SIGPIPE, SIG_IGN);
    return true;
}
