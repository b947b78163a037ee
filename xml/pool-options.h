/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pool options as XML: <reflink:options> inside a <pool>, or alone in the pool's marker file. */
#pragma once

#include "common/format/pool-options.h"
#include "namespace.h"

#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>

/* No administrator writes as much; a hostile document might. */
#define RL_OPTIONS_SIZE_MAX (4 << 20) /* bytes of a marker file */
#define RL_OPTIONS_RULES_MAX 1000
#define RL_OPTIONS_MATCH_MAX 4096          /* characters of one pattern */
#define RL_OPTIONS_MATCHES_MAX (256 << 10) /* bytes of all patterns: they fit a marker, escaped */

/* A processing instruction of this name in a marker has the pool's mark (common/pool/pool-mark.h).
 */
#define RL_OPTIONS_MARK "reflink-mark"

/**
 * rl_xml_options_from_nodes:
 * Reads the <reflink:options> child of the element @pool, a <pool> that somebody else parsed; the
 * rest of the pool is not looked at, except that nothing of our namespace may be there.
 *
 * Returns true with @ret_options set: to options owned by the caller, or to NULL where the pool has
 * none. Fails with RL_ERROR_XML, line first, @ret_options untouched, for whatever of ours is
 * unknown, misplaced, given twice or out of range; the message names it.
 */
bool rl_xml_options_from_nodes(const xmlNode *pool, RlOptions **ret_options, GError **error);

/**
 * rl_xml_options_parse:
 * Parses a document whose root is <reflink:options>: the @length bytes at @text. @what names it in
 * messages. Returns options owned by the caller. Fails with RL_ERROR_XML as rl_xml_parse() and
 * rl_xml_options_from_nodes() do, and above RL_OPTIONS_SIZE_MAX.
 */
RlOptions *rl_xml_options_parse(const char *text, size_t length, const char *what, GError **error);

/**
 * rl_xml_options_format:
 * Returns the <reflink:options> element as text, owned by the caller: a line for each element, two
 * spaces for each level, a line end at the end. With @declare_namespace it is a document of its
 * own, with the pool's mark if there is one; without, it has to stand where the prefix
 * RL_XML_PREFIX is declared. Reading it back gives equal options, for all that a document can say.
 */
char *rl_xml_options_format(const RlOptions *options, bool declare_namespace);
