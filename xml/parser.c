/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parser.h"

#include "common/base/error.h"
#include "libxml2.h"
#include "plain-parser.h"

#include <limits.h>
#include <string.h>

static int
line_of(const char *text, const char *position)
{
    int line = 1;

    for (; text < position; text++)
        line += *text == '\n';
    return line;
}

/* libxml2 takes a NUL for the end of the document, ignoring what follows, and its versions differ
 * in what they make of bad UTF-8. */
static bool
check_bytes(const char *text, size_t length, size_t limit, const char *what, GError **error)
{
    const char *end;

    if (length == 0)
        return rl_fail(error, RL_ERROR_XML, "%s: the document is empty", what);
    if (length > limit || length > INT_MAX)
        return rl_fail(error, RL_ERROR_XML, "%s: the document is longer than %zu bytes", what,
                       MIN(limit, (size_t) INT_MAX));

    const char *nul = memchr(text, '\0', length);
    if (nul)
        return rl_fail(error, RL_ERROR_XML, "%s: line %d: a NUL byte is not allowed", what,
                       line_of(text, nul));
    if (!g_utf8_validate(text, (gssize) length, &end))
        return rl_fail(error, RL_ERROR_XML, "%s: line %d: the text is not valid UTF-8", what,
                       line_of(text, end));
    return true;
}

RlXmlDocument *
rl_xml_parse(const char *text, size_t length, size_t limit, const char *what, GError **error)
{
    if (!check_bytes(text, length, limit, what, error))
        return NULL;

    RlXmlDocument *document = rl_xml_parse_plain(text, length);
    return document ? document
                    : rl_xml_parse_with_libxml2(LIBXML_SONAME, text, length, what, error);
}
