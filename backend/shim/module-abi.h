/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the shim and the module know of each other: they are built together, but the shim outlives
 * upgrades of libvirt. */
#pragma once

/* Another name for another struct: a module of before is one that does not fit. */
#define RL_MODULE_ENTRY "libvirt_reflink_module_2"
/* A text, "0.1": what libvirt-reflink it is of. For a person; modules of before have none. */
#define RL_MODULE_VERSION "libvirt_reflink_version"

typedef struct {
    const char *libvirt_build;        /* build-id of the libvirt.so.0 that it was built for */
    const char *storage_driver_build; /* and of libvirt_driver_storage.so */
    const char *(*prove)(void);       /* NULL if it fits, else what does not; may crash or hang */
    int (*attach)(void);              /* puts the module in place; -1 with libvirt's error set */
} RlModule;
