/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nodes of one document. They are libxml2's structures, as libvirt hands them to its backends.
 * Who made them is all one: libxml2, or plain-parser.h, which needs much less than libxml2 brings
 * with it. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

typedef struct {
    xmlNode *root;     /* an element */
    GPtrArray *blocks; /* of memory */
    char *room;
    size_t left;                  /* in bytes, of the last block */
    xmlDoc *whole;                /* libxml2's, NULL where the nodes lie in the blocks */
    void (*free_whole)(xmlDoc *); /* its function */
} RlXmlDocument;

/**
 * rl_xml_document_new:
 * Returns a document without nodes, owned by the caller.
 */
RlXmlDocument *rl_xml_document_new(void);

/**
 * rl_xml_document_allocate:
 * Returns @size bytes that live as long as @document, all zero.
 */
void *rl_xml_document_allocate(RlXmlDocument *document, size_t size);

/**
 * rl_xml_document_free:
 * Frees @document with all of its nodes.
 */
void rl_xml_document_free(RlXmlDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlXmlDocument, rl_xml_document_free)
