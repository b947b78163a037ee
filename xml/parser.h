/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place that makes a document out of bytes. The bytes may come from anybody. */
#pragma once

#include "document.h"

/**
 * rl_xml_parse:
 * Parses the @length bytes at @text, which must be UTF-8 whatever the document declares, and at
 * most
 * @limit bytes. No entity is expanded, no other document is read, and libxml2's limits (nesting 256
 * deep, 10 MB for one text or name) hold. @what names the document in messages: a file, "the
 * domain". Expat reads what is plain, libxml2 the rest, and what is refused libxml2 refuses.
 *
 * Returns the document, owned by the caller, which has a root element and neither a document type
 * declaration nor entity references. Fails with RL_ERROR_XML, naming @what and where it can the
 * line, if the text is empty, longer than @limit, not UTF-8, has a NUL byte, is not well-formed, or
 * has a document type declaration. Prints nothing and touches no global state.
 */
RlXmlDocument *rl_xml_parse(const char *text, size_t length, size_t limit, const char *what,
                            GError **error);
