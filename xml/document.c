/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "document.h"

#define BLOCK_SIZE ((size_t) 16 << 10)
#define ALIGNMENT (sizeof(void *) * 2)

RlXmlDocument *
rl_xml_document_new(void)
{
    RlXmlDocument *document = g_new0(RlXmlDocument, 1);

    document->blocks = g_ptr_array_new_with_free_func(g_free);
    return document;
}

void *
rl_xml_document_allocate(RlXmlDocument *document, size_t size)
{
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > document->left) {
        document->left = MAX(size, BLOCK_SIZE);
        document->room = g_malloc0(document->left);
        g_ptr_array_add(document->blocks, document->room);
    }
    void *memory = document->room;
    document->room += size;
    document->left -= size;
    return memory;
}

void
rl_xml_document_free(RlXmlDocument *document)
{
    if (document->whole)
        document->free_whole(document->whole);
    g_ptr_array_unref(document->blocks);
    g_free(document);
}
