/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in for the module where that cannot be loaded. A stock backend would take a reflink
 * pool for a plain directory, probe what guests wrote, and change images in place; and a pool that
 * is not there would end each running domain with a disk of type 'volume' in it, at the start of
 * the daemon. So a pool of ours is active in a form to be read, its volumes told from names alone,
 * as long as a running domain needs it; else it is inactive; and each change is refused.
 *
 * It lives in the daemon, whatever libvirt that is: it knows one structure of it, the table of
 * functions, and is tried in a child process first. */
#pragma once

#include <stdbool.h>

#include "calls.h"

/**
 * rl_stand_in_attach:
 * Puts the stand-in into the tables of libvirt's backends for directories, once. @version is
 * libvirt's, for messages. Returns NULL, or why that cannot be; nothing is changed then.
 */
const char *rl_stand_in_attach(const char *version);

/**
 * rl_stand_in_prove:
 * To be called in a child process: attaches the stand-in there, and tries with libvirt's own
 * parser, lists and errors that the functions do what the stand-in takes them for. Returns NULL, or
 * which does not.
 */
const char *rl_stand_in_prove(void);

/**
 * rl_stand_in_add_volume:
 * Adds the volume @written_name to the pool @obj, whose file is @written_file: both as in XML; its
 * size is in bytes. False if libvirt does not take it.
 */
bool rl_stand_in_add_volume(const RlCalls *calls, RlPoolObj *obj, const char *written_name,
                            const char *written_file, unsigned long long size);
