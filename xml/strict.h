/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must not be in a document: anything of our namespace that we do not know. Errors are
 * RL_ERROR_XML and name the thing and its line. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>

/**
 * rl_xml_check_attributes:
 * Fails if @node has an attribute that is not in @known (NULL-terminated; of no namespace), or one
 * whose value has an entity reference in it.
 */
bool rl_xml_check_attributes(const xmlNode *node, const char *const *known, GError **error);

/**
 * rl_xml_check_no_text:
 * Fails if @node has text other than white space, or an entity reference, among its children.
 */
bool rl_xml_check_no_text(const xmlNode *node, GError **error);

/**
 * rl_xml_check_empty:
 * Fails if @node has a child element, text other than white space, or an entity reference.
 */
bool rl_xml_check_empty(const xmlNode *node, GError **error);

/**
 * rl_xml_check_elsewhere:
 * Fails if @root or anything below it, except the child @skip (may be NULL) and what is in that,
 * looks like ours: an element or attribute of our namespace, of another version of it, or with our
 * prefix bound to something else or to nothing. Such a slip would else turn a reflink pool,
 * silently, into a stock one.
 */
bool rl_xml_check_elsewhere(const xmlNode *root, const xmlNode *skip, GError **error);
