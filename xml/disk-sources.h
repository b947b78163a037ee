/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The paths of a domain's disks, in its text: what is changed are the bytes of these alone. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_xml_disk_sources_replace:
 * Returns the <domain> document @xml with other paths, owned by the caller: for each <source
 * file='...'> that is the source of a <disk> itself (of no layer below it, mirror or other element)
 * and whose path is a key in @paths, that path's value. All other bytes are those of @xml. *@ret_n
 * is how many it replaced. @what names the document in messages.
 *
 * NULL with RL_ERROR_XML as rl_xml_parse(), where the document is not a <domain>, or where what is
 * to be replaced cannot be told for certain.
 */
char *rl_xml_disk_sources_replace(const char *xml, GHashTable *paths, const char *what,
                                  guint *ret_n, GError **error);

/**
 * rl_xml_names_path:
 * *@ret_named: @path is the value of an attribute, or the text of an element, anywhere in @xml.
 * False with RL_ERROR_XML as rl_xml_parse().
 */
bool rl_xml_names_path(const char *xml, const char *path, const char *what, bool *ret_named,
                       GError **error);
