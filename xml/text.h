/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text on its way into a document, into a message, and out of a document as a number. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rl_xml_append_escaped:
 * Appends @text to @out so that a parser gets exactly @text back, from an attribute as from an
 * element: tabs and line ends are written as references. @text must be UTF-8 and without the
 * control characters that XML 1.0 cannot say.
 */
void rl_xml_append_escaped(GString *out, const char *text);

/**
 * rl_xml_visible:
 * Returns @text as a message can say it, owned by the caller: at most @limit characters of it, with
 * control characters, and others that cannot be printed, made visible. @text must be UTF-8.
 */
char *rl_xml_visible(const char *text, int limit);

/**
 * rl_xml_shorten:
 * rl_xml_visible() for a word of a document: at most 64 characters.
 */
char *rl_xml_shorten(const char *text);

/**
 * rl_xml_number:
 * Reads a decimal number of digits only: no sign, no space, no leading zero. Returns false, with
 * @ret_number untouched, for anything else and for numbers above @max.
 */
bool rl_xml_number(const char *text, uint64_t max, uint64_t *ret_number);
