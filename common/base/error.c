/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "error.h"

#include <stdarg.h>
#include <string.h>

G_DEFINE_QUARK(libvirt_reflink_error, rl_error)
G_DEFINE_QUARK(libvirt_reflink_errno, rl_errno)

bool
rl_fail(GError **error, RlErrorCode code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);

    g_set_error_literal(error, RL_ERROR, code, sentence);
    return false;
}

/* Most errors are of files that need not be there: g_strerror() loads what converts between
 * character sets for the first of them. */
static const char *
describe(int code)
{
    const char *text = strerrordesc_np(code);

    return text ? text : g_strerror(code);
}

bool
rl_fail_errno(GError **error, int saved_errno, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);

    g_set_error(error, RL_ERRNO, saved_errno, "%s: %s", sentence, describe(saved_errno));
    return false;
}

void
rl_error_about(GError **error, const char *what, const char *name)
{
    g_autofree char *quoted = g_strdup_printf("'%s'", name);

    /* An impossible name is in the sentence already, in a form that can be shown. */
    if (error && *error && !g_error_matches(*error, RL_ERROR, RL_ERROR_NAME) &&
        !strstr((*error)->message, quoted))
        g_prefix_error(error, "%s '%s': ", what, name);
}

bool
rl_error_is_errno(const GError *error, int wanted_errno)
{
    return g_error_matches(error, RL_ERRNO, wanted_errno);
}
