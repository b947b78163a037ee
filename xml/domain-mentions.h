/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What in a domain's XML names a file, and is no disk. */
#pragma once

#include <glib.h>

/**
 * rl_xml_mentions_find:
 * Looks in the domain's document of @length bytes at @text (a <domain>, or the <domstatus> around
 * one) for a text or an attribute that has a path in the directory @dir in it, or @dir itself.
 * <disk>, and what is for people only (<metadata>, <description>, <title>), is left out. Returns
 * the text with the element that has it, "'/srv/pool/x.img' in <kernel>", owned by the caller; NULL
 * where there is none, or @text is no document. @what names it in messages.
 */
char *rl_xml_mentions_find(const char *text, size_t length, const char *what, const char *dir);
