/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scoped documents of libxml2. Of a header that libvirt's internal ones meet this could be no part:
 * they declare the same clean-up function. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
