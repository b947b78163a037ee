/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A loop device of the sweep's own, as Xen has one on the image of a volume that runs. */
#pragma once

#include <stdint.h>

/**
 * device_prepare:
 * Adds the device to the kernel's. In this mount namespace /sys/block shows no other one from now
 * on: those of the host come and go, and calls are counted. Ends the program where it fails.
 */
void device_prepare(void);

/**
 * device_attach:
 * Puts the device on the file @path.
 */
void device_attach(const char *path);

/**
 * device_detach:
 * Takes it off, and waits until that is so; nothing where it is on no file.
 */
void device_detach(void);

/**
 * device_size:
 * The size of the device in bytes; 0 while it is on no file.
 */
uint64_t device_size(void);

/**
 * device_remove:
 * Detaches it and takes it from the kernel again.
 */
void device_remove(void);
