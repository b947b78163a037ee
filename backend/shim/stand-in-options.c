/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stand-in-options.h"

#include <dlfcn.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <string.h>

#include "scope.h"
#include "stand-in-proof.h"
#include "table.h"
#include "xml-text.h"

/* Ours are two deep. */
#define DEPTH_MAX 8

/* libvirt's virXMLNamespace. The types of libxml2 are public. */
typedef struct {
    int (*parse)(xmlXPathContextPtr context, void **ret_data);
    void (*free)(void *data);
    int (*format)(void *buffer, void *data);
    const char *prefix;
    const char *uri;
} Namespace;

/* Found by name: a library that the shim needs and that is not there would keep the daemon from
 * starting. Written once, by rl_pool_options_attach(). */
static struct {
    int (*init)(int type, Namespace *ns);
    void (*add)(void *buffer, const char *text);
    xmlNodePtr (*first_child)(xmlNodePtr parent);
    xmlNodePtr (*next_sibling)(xmlNodePtr node);
    xmlChar *(*property)(const xmlNode *node, const xmlChar *name);
} calls;

static const struct {
    const char *name;
    void *place;
} wanted[] = {
    {"virStorageBackendNamespaceInit", &calls.init},
    {"virBufferAddStr", &calls.add},
    {"xmlFirstElementChild", &calls.first_child},
    {"xmlNextElementSibling", &calls.next_sibling},
    {"xmlGetNoNsProp", &calls.property},
};

static bool
is_ours(const xmlNode *node)
{
    return node->ns && node->ns->href &&
           strcmp((const char *) node->ns->href, RL_OPTIONS_NAMESPACE) == 0;
}

static void
write_attributes(FILE *out, const xmlNode *node)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        auto_free char *value =
            attribute->ns ? NULL : (char *) calls.property(node, attribute->name);
        auto_free char *written = value ? rl_xml_text_escape(value) : NULL;
        if (written)
            fprintf(out, " %s='%s'", (const char *) attribute->name, written);
    }
}

static void
write_element(FILE *out, xmlNodePtr node, int depth)
{
    bool empty = true;

    fprintf(out, "%*s<" RL_OPTIONS_PREFIX ":%s", 2 * depth, "", (const char *) node->name);
    write_attributes(out, node);
    for (xmlNodePtr child = calls.first_child(node); child && depth < DEPTH_MAX;
         child = calls.next_sibling(child)) {
        if (!is_ours(child))
            continue;
        fputs(empty ? ">\n" : "", out);
        empty = false;
        write_element(out, child, depth + 1);
    }
    if (depth > 0 && empty)
        fputs("/>\n", out);
    else
        fprintf(out, "%s%*s</" RL_OPTIONS_PREFIX ":%s>\n", empty ? ">\n" : "", 2 * depth, "",
                (const char *) node->name);
}

/* An error here would have libvirt forget the pool. */
static int
parse(xmlXPathContextPtr context, void **ret_data)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    *ret_data = NULL;
    if (!out)
        return 0;
    for (xmlNodePtr child = context->node ? calls.first_child(context->node) : NULL; child;
         child = calls.next_sibling(child))
        if (is_ours(child))
            write_element(out, child, 0);
    if (fclose(out) == 0 && text && *text)
        *ret_data = text;
    else
        free(text);
    return 0;
}

static int
format(void *buffer, void *data)
{
    calls.add(buffer, data);
    return 0;
}

const char *
rl_pool_options_attach(void)
{
    /* libvirt copies it. */
    Namespace ns = {parse, free, format, RL_OPTIONS_PREFIX, RL_OPTIONS_NAMESPACE};

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        void *function = dlsym(RTLD_DEFAULT, wanted[i].name);
        if (!function)
            return wanted[i].name;
        memcpy(wanted[i].place, &function, sizeof(function));
    }
    return calls.init(RL_TYPE_DIR, &ns) == 0 ? NULL : "the namespaces of pools";
}

const char *
rl_pool_options_prove(void)
{
    static const char xml[] =
        "<pool type='dir' xmlns:x='" RL_OPTIONS_NAMESPACE "'><name>proof</name>"
        "<target><path>/proc</path></target>"
        "<x:options><x:revisions keep='77'/><!-- --><y/>"
        "<x:later><x:rule match='&lt;*&#9;&#x7f;' kind='new'/></x:later></x:options></pool>";
    const char *wrong = rl_pool_options_attach();
    auto_free char *text = wrong ? NULL : rl_stand_in_parse_and_format(xml);

    if (wrong)
        return wrong;
    return text && strstr(text, "<pool type='dir' xmlns:reflink='" RL_OPTIONS_NAMESPACE "'>") &&
                   strstr(text, "  <reflink:options>\n"
                                "    <reflink:revisions keep='77'/>\n"
                                "    <reflink:later>\n"
                                "      <reflink:rule match='&lt;*&#9;\x7f' kind='new'/>\n"
                                "    </reflink:later>\n"
                                "  </reflink:options>\n"
                                "</pool>")
               ? NULL
               : "the namespaces of pools (virXMLNamespace)";
}
