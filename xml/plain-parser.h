/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads documents as libvirt and we write them, with Expat, into the nodes that libxml2 would make
 * of them. libxml2 brings ICU and libstdc++ on Debian, whose loading is a good part of what a call
 * of the hook costs. It decides about all that is not plain, also about what to refuse. */
#pragma once

#include "document.h"

/**
 * rl_xml_parse_plain:
 * Parses the @length bytes at @text, which are UTF-8 without a NUL byte. Returns the document,
 * owned by the caller: elements with their attributes, texts (a CDATA section is one) and
 * processing instructions, without comments. NULL, without an error, for all that is not
 * well-formed, and that is unusual: above 1 MiB, or 65,534 lines; with a document type or an XML
 * declaration; elements more than 128 deep, or with more than 64 attributes; more than 64
 * namespaces; an empty namespace, or one that may need to be interpreted; two attributes of one
 * name, also in different namespaces; a prefix that stands for nothing, or for XML itself; names
 * that are not ASCII, or longer than 1,024 bytes. Also where this was built without Expat.
 */
RlXmlDocument *rl_xml_parse_plain(const char *text, size_t length);
