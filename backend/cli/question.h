/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A question before something is lost. */
#pragma once

#include "cli.h"

/**
 * rl_ask:
 * Asks a person @format, which needs yes or no, if there is one: where stdin and stderr are
 * terminals, and not if @yes. True if the answer begins with 'y' or 'Y', or nobody was asked; else
 * false with RL_ERROR_STATE. With --json it asks nobody, and without @yes it is false with
 * RL_CALL_ERROR_UNCONFIRMED: a program has to say what it wants.
 */
bool rl_ask(const RlCall *call, bool yes, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
