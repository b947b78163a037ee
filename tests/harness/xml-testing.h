/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of xml/ have in common. */
#pragma once

#include "common/base/error.h"
#include "says.h"

#include <glib.h>
#include <string.h>

#define NS "xmlns:reflink='urn:libvirt-reflink:storagepool:1.0'"

/* Checks that @error is an XML error that says @words, as rl_says() does, and frees it. @of is what
 * led to it, shown when the test fails. */
static inline void
take_xml_error(GError *error, const char *words, const char *of)
{
    if (!error)
        g_error("no error, wanted '%s', for: %.300s", words, of);
    g_assert_error(error, RL_ERROR, RL_ERROR_XML);
    if (!rl_says(error->message, words))
        g_error("'%s' does not say '%s', for: %.300s", error->message, words, of);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_error_free(error);
}

/* Returns @count times @unit, to be freed. */
static inline char *
repeat(const char *unit, size_t count)
{
    GString *out = g_string_new(NULL);

    while (count-- > 0)
        g_string_append(out, unit);
    return g_string_free(out, FALSE);
}
