/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the shim and the module know of each other: they are built together, but the shim outlives
 * upgrades of libvirt. */
#pragma once

#define RL_MODULE_FILE "reflink.so"
#define RL_MODULE_ENTRY "libvirt_reflink_module"

typedef struct {
    const char *libvirt_build;        /* build-id of the libvirt.so.0 that it was built for */
    const char *storage_driver_build; /* and of libvirt_driver_storage.so */
    int (*attach)(void);              /* puts the module in place; -1 with libvirt's error set */
} RlModule;
