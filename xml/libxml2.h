/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what is not plain (plain-parser.h), and says what is wrong with it. The library is loaded
 * for that alone. */
#pragma once

#include "document.h"

/**
 * rl_xml_parse_with_libxml2:
 * Parses the @length bytes at @text, at most INT_MAX, with the library @soname. Returns the
 * document, owned by the caller. NULL with RL_ERROR_XML as rl_xml_parse(), but for what that looks
 * at itself; also where the library cannot be loaded. @text is UTF-8 without a NUL byte.
 */
RlXmlDocument *rl_xml_parse_with_libxml2(const char *soname, const char *text, size_t length,
                                         const char *what, GError **error);
