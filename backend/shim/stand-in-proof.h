/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is libvirt what the stand-in takes it for? */
#pragma once

#include "calls.h"

/**
 * rl_stand_in_is_table:
 * True if @table is what RlTable says: each function of the stock backend's that is known by name
 * is in its place.
 */
bool rl_stand_in_is_table(const RlTable *table, int type);

/**
 * rl_stand_in_prove_calls:
 * Tries @calls and the table that the stand-in is in, on a pool of its own that the daemon does not
 * know. For a child process: it may crash, and writes no log from then on. Returns NULL, or what
 * does not fit.
 */
const char *rl_stand_in_prove_calls(const RlCalls *calls);

/**
 * rl_stand_in_parse_and_format:
 * What libvirt writes of the pool @xml, owned by the caller; NULL if it does not read it. For a
 * child process, as above.
 */
char *rl_stand_in_parse_and_format(const char *xml);
