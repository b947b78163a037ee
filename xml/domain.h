/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain that libvirt hands to its hooks, or writes into a save file: who it is, and its disks.
 */
#pragma once

#include "domain-disks.h"
#include "named-files.h"

#include <glib.h>

/* Bytes. A client may hang as many elements of metadata on a domain as it wants, of 4 MiB each; but
 * libxml2 takes 10 MB of what is not in the usual form. */
#define RL_DOMAIN_SIZE_MAX (9 << 20)
#define RL_DOMAIN_DISKS_MAX 1024

typedef struct {
    char *name;
    char *uuid;        /* 36 characters, lower case */
    char *type;        /* xen, qemu, kvm, ... */
    GPtrArray *disks;  /* RlDisk, in the order of the document */
    GPtrArray *files;  /* RlNamedFile, in that order: what it names besides */
    GPtrArray *labels; /* strings: as whom its emulator is to run (process-labels.h) */
    char *odd;         /* what libvirt may read in another way (oddities.h); NULL: nothing */
} RlDomain;

/**
 * rl_xml_domain_parse:
 * Parses a <domain> document, of a running domain or a stopped one: the @length bytes at @text.
 * @what names it in messages. Only <disk> children of its <devices> are disks; what it does not
 * know is passed over.
 *
 * Returns a domain owned by the caller. Fails with RL_ERROR_XML as rl_xml_parse() and
 * rl_xml_disk_from_node() do, above RL_DOMAIN_SIZE_MAX or RL_DOMAIN_DISKS_MAX, if the root is no
 * <domain>, its type, name or UUID is missing, or the UUID is none.
 */
RlDomain *rl_xml_domain_parse(const char *text, size_t length, const char *what, GError **error);

/**
 * rl_xml_domain_parse_kept:
 * The same of a file that libvirt keeps of a domain: its definition; or of one that runs its status
 * (<domstatus>), or the record of a snapshot (<domainsnapshot>), which have the <domain> in them.
 */
RlDomain *rl_xml_domain_parse_kept(const char *text, size_t length, const char *what,
                                   GError **error);

/**
 * rl_xml_domain_from_node:
 * As rl_xml_domain_parse(), of the element @node of a document that was parsed.
 */
RlDomain *rl_xml_domain_from_node(const xmlNode *node, GError **error);

/**
 * rl_domain_free:
 * Frees @domain and what it has; nothing for NULL.
 */
void rl_domain_free(RlDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlDomain, rl_domain_free)
