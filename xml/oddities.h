/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain's XML may say to libvirt in another way than to us. libvirt writes none of that; a
 * save file can be written by its device model, and the hook that announces a restore gets its text
 * as it is. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

/**
 * rl_xml_oddity_of_text:
 * Says, owned by the caller, what is odd in the document of the @length bytes at @text, which need
 * not end with a zero, before its root element: that it declares another encoding than UTF-8, in
 * which libvirt would read it, and we do not. NULL where nothing is.
 */
char *rl_xml_oddity_of_text(const char *text, size_t length);

/**
 * rl_xml_oddity_of_domain:
 * Says, owned by the caller, what is odd in the element @domain; NULL where nothing is. Odd is
 *
 * - an attribute in a namespace: libvirt asks for many by their name alone (xmlGetProp());
 * - an element in a namespace, but for those of libvirt's that stand in <domain> itself
 *   (<qemu:commandline>): it asks for some by their name alone as well;
 * - text beside elements: libvirt takes all text of an element, also below those;
 * - a second <source>, <driver>, <format>, <backingStore> or <dataStore> of a disk or a layer.
 *
 * What <metadata> has is not looked at: libvirt reads nothing of it.
 */
char *rl_xml_oddity_of_domain(const xmlNode *domain);
