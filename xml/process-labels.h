/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As whom a domain's emulator is to run, where its XML says so: <seclabel> of the domain itself. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

/**
 * rl_xml_process_labels:
 * Returns the labels of the element @domain that somebody must have chosen, as strings that can be
 * compared and shown ("dac static +0:+0"), in an array; both are owned by the caller. Those that
 * libvirt itself gives a domain (dynamic, without a label to begin with, or none) are left out, but
 * for one that takes the owner of processes ("dac") away from libvirt.
 */
GPtrArray *rl_xml_process_labels(const xmlNode *domain);
