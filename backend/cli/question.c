/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "question.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/error.h"
#include "document.h"

bool
rl_ask(const RlCall *call, bool yes, GError **error, const char *format, ...)
{
    va_list args;
    char answer[16];

    if (yes || (!call->json && (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)))
        return true;
    va_start(args, format);
    g_autofree char *question = g_strdup_vprintf(format, args);
    va_end(args);
    if (call->json) {
        g_set_error(error, RL_CALL_ERROR, RL_CALL_ERROR_UNCONFIRMED,
                    "nothing was changed: no question can be asked with --json (\"%s\"). To "
                    "confirm it, type --yes as well",
                    question);
        return false;
    }
    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    return rl_fail(error, RL_ERROR_STATE, "nothing was changed, since the answer was not 'y'");
}
