/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differs between the versions of libvirt that are declared here, in pointers between the
 * fields that the module uses. LIBVIRT_LAYOUT is a version as a number, 9000000 for 9.0.0; what is
 * said of a version is how it differs from the one above it.
 *
 * virStorageSource grows with what a disk of a domain can be, virCaps with what a host can do. */
#pragma once

#include "config.h"

#if LIBVIRT_LAYOUT == 9000000
#define LAYOUT_FRONT 12   /* virStorageSource: before `encryption` */
#define LAYOUT_PRIVATE 7  /* before `privateData` */
#define LAYOUT_END 21     /* behind `backingStore` */
#define LAYOUT_CAPABLE 28 /* virCaps: before `npools` */
#elif LIBVIRT_LAYOUT == 11003000
/* `vdpadev` before `encryption`, `reconnectDelay` behind it, nine at the end for data files, ssh
 * keys and errors of I/O. From its source. */
#define LAYOUT_FRONT 13
#define LAYOUT_PRIVATE 8
#define LAYOUT_END 30
#define LAYOUT_CAPABLE 28
#elif LIBVIRT_LAYOUT == 12008000 || LIBVIRT_LAYOUT == 12009000
/* `volume` in front is gone. One more stands behind `tlsHostname`, so the size is the same; one
 * more in virCaps. From the machine code of virStorageSourceClear(), virStorageVolDefFormat() and
 * virCapabilitiesAddStoragePool(), and by running it. */
#define LAYOUT_FRONT 12
#define LAYOUT_PRIVATE 8
#define LAYOUT_END 31
#define LAYOUT_CAPABLE 29
#else
#error "this libvirt is not declared here: see docs/porting.md"
#endif
