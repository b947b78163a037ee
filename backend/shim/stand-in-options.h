/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of a reflink pool, in our namespace in its XML. Without the module libvirt knows no
 * such namespace, and would write each definition that is edited without them. The stand-in carries
 * them along as they are: they are the module's to understand. */
#pragma once

#include <stdbool.h>

#include "calls.h"

/* As xml/namespace.h has them. */
#define RL_OPTIONS_NAMESPACE "urn:libvirt-reflink:storagepool:1.0"
#define RL_OPTIONS_PREFIX "reflink"

/**
 * rl_pool_options_attach:
 * Registers the namespace with libvirt. Returns NULL, or what it lacks; nothing is changed then.
 */
const char *rl_pool_options_attach(void);

/**
 * rl_pool_options_prove:
 * To be called in a child process: does it, and has libvirt read and write a known pool. Returns
 * NULL, or what does not fit.
 */
const char *rl_pool_options_prove(void);
