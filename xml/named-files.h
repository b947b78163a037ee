/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a domain's XML names elsewhere than as the image of a disk or a layer: firmware and
 * its variables, kernels, logs, the memory of an NVDIMM, what is handed to the emulator past
 * libvirt, and whatever a later libvirt knows. So no list of elements: each value that looks like a
 * path. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>

#define RL_NAMED_FILES_MAX 4096

typedef struct {
    char *element; /* how a message names the element that says so: "<nvram>" */
    char *path;    /* absolute; "/" in the place of one that is too long for the kernel */
    bool shared;   /* a directory that the guest is given, to write in */
} RlNamedFile;

/**
 * rl_xml_named_files:
 * Returns an array of RlNamedFile, owned by the caller, of the element @domain: every value of an
 * attribute, and every text of an element, that begins with a slash, or has one in it (then put
 * behind one: libvirt's daemon works in "/"); in elements of other
 * namespaces, as <qemu:arg>, also what begins with one behind "=", ":", a comma or a quote (of a
 * doubled comma, which is one for QEMU, as well). Left out are the images of disks
 * (domain-disks.h), and what libvirt does not read: <metadata>, <description>, <title>. There are
 * at most RL_NAMED_FILES_MAX + 1: more tells that some are missing.
 */
GPtrArray *rl_xml_named_files(const xmlNode *domain);
