/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt formats, read as text: its own XML has one spelling for everything. */
#pragma once

/**
 * rl_xml_text_element:
 * The content of the first element @name in @text, behind the tag <@parent> where that is not NULL;
 * as it is written, with its references. Owned by the caller (free()); NULL where there is none.
 */
char *rl_xml_text_element(const char *text, const char *parent, const char *name);

/**
 * rl_xml_text_decode:
 * @written with its references replaced, owned by the caller; NULL for one that libvirt does not
 * write.
 */
char *rl_xml_text_decode(const char *written);

/**
 * rl_xml_text_encode:
 * @plain as it is written in an element or an attribute, owned by the caller; NULL if it cannot
 * stand in XML: it is not UTF-8, or has control characters.
 */
char *rl_xml_text_encode(const char *plain);

/**
 * rl_xml_text_escape:
 * @value, which was read from XML, as it is written in an attribute: whatever stood there stays,
 * also what rl_xml_text_encode() has no use for. Owned by the caller (free()); NULL without memory.
 */
char *rl_xml_text_escape(const char *value);
