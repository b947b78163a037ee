/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scoped libxml2 documents. For the .c files of this folder and tests only: libvirt's internal
 * headers declare the same clean-up function, and one file can have only one of them. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
