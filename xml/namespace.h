/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML namespace of what libvirt-reflink adds to libvirt's documents. */
#pragma once

#define RL_XML_NAMESPACE "urn:libvirt-reflink:storagepool:1.0"

/* The prefix that is written; what is read may use any other. */
#define RL_XML_PREFIX "reflink"
