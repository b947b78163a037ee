/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the nodes of a document strictly. Elements and attributes of libvirt's own are in no
 * namespace, ours are in RL_XML_NAMESPACE. Errors are RL_ERROR_XML and begin with the line. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>

/**
 * rl_xml_is:
 * True if @node is the element @name of the namespace @ns (NULL: of no namespace).
 */
bool rl_xml_is(const xmlNode *node, const char *ns, const char *name);

/**
 * rl_xml_first_element:
 * Returns the first child of @parent that is an element, or NULL.
 */
const xmlNode *rl_xml_first_element(const xmlNode *parent);

/**
 * rl_xml_next_element:
 * Returns the next sibling of @node that is an element, or NULL.
 */
const xmlNode *rl_xml_next_element(const xmlNode *node);

/**
 * rl_xml_child:
 * Returns the first child element of @parent that has this @name and no namespace, or NULL.
 */
const xmlNode *rl_xml_child(const xmlNode *parent, const char *name);

/**
 * rl_xml_attribute:
 * Returns the value of the attribute @name of no namespace, owned by the caller; NULL if absent.
 */
char *rl_xml_attribute(const xmlNode *node, const char *name);

/**
 * rl_xml_text:
 * Returns the text of an element that has nothing but text in it, owned by the caller. Fails if
 * there is a child element.
 */
char *rl_xml_text(const xmlNode *node, GError **error);

/**
 * rl_xml_describe:
 * Returns how a message names the element @node, owned by the caller: "<name>", and
 * "<reflink:name>" for ours, whatever the document's prefix.
 */
char *rl_xml_describe(const xmlNode *node);

/**
 * rl_xml_fail:
 * Sets @error to RL_ERROR_XML, with the line of @node before the sentence. Always returns false.
 */
bool rl_xml_fail(const xmlNode *node, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
