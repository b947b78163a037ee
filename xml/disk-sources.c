/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk-sources.h"

#include <string.h>

#include "common/base/error.h"
#include "domain.h"
#include "node.h"
#include "parser.h"

#define SPACE " \t\r\n"
#define SIZE_MAX_NAMING ((size_t) 16 << 20)

/* Where the value of an attribute is in the text, without its quotes. */
typedef struct {
    const char *start, *end;
} Value;

/* A walk over the tags of a document that is known to be well-formed, without a document type. */
typedef struct {
    const char *at;
    int depth;       /* of the elements that are open */
    int inside;      /* of these, how many from the root on are domain, devices, disk */
    bool has_source; /* of this disk, the first one was seen */
    GArray *values;  /* Value: of the first source of each disk, where it has a file */
} Walk;

static bool
is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

/* Behind the tag that begins at @tag. A '>' may be in a value. */
static const char *
end_of_tag(const char *tag)
{
    char quote = '\0';

    for (; *tag && (quote || *tag != '>'); tag++) { /* GCOV_EXCL_LINE: well-formed */
        if (quote)
            quote = *tag == quote ? '\0' : quote;
        else if (*tag == '"' || *tag == '\'')
            quote = *tag;
    }
    return *tag ? tag + 1 : tag; /* GCOV_EXCL_LINE: well-formed */
}

/* The value of the attribute "file" between @at, behind the element's name, and @end. */
static bool
find_file(const char *at, const char *end, Value *ret_value)
{
    for (;;) {
        at += strspn(at, SPACE);
        size_t length = strcspn(at, SPACE "=/>");
        const char *name = at;
        at += length;
        at += strspn(at, SPACE);
        if (at >= end || length == 0 || *at != '=') /* GCOV_EXCL_LINE: well-formed */
            return false;
        at += 1 + strspn(at + 1, SPACE);
        const char *close = strchr(at + 1, *at);
        if (!close || close >= end) /* GCOV_EXCL_LINE: well-formed */
            return false;           /* GCOV_EXCL_LINE: well-formed */
        if (is_word(name, length, "file")) {
            *ret_value = (Value){at + 1, close};
            return true;
        }
        at = close + 1;
    }
}

static void
begin_element(Walk *walk, const char *name, const char *end)
{
    static const char *const way[] = {"domain", "devices", "disk"};
    size_t length = strcspn(name, SPACE "/>");
    bool direct = walk->inside == walk->depth;
    Value value;

    if (direct && walk->depth < (int) G_N_ELEMENTS(way)) {
        if (is_word(name, length, way[walk->depth]))
            walk->inside++;
        walk->has_source = false;
    } else if (direct && !walk->has_source && is_word(name, length, "source")) {
        walk->has_source = true;
        if (find_file(name + length, end, &value))
            g_array_append_val(walk->values, value);
    }
    walk->depth++;
}

static void
end_element(Walk *walk)
{
    walk->depth--;
    walk->inside = MIN(walk->inside, walk->depth);
}

/* Behind what begins at @at with @word and ends with @end; NULL where something else is there. */
static const char *
skip(const char *at, const char *word, const char *end)
{
    if (!g_str_has_prefix(at, word))
        return NULL;
    const char *last = strstr(at + strlen(word), end);
    return last ? last + strlen(end) : at + strlen(at); /* GCOV_EXCL_LINE: well-formed */
}

static void
step(Walk *walk)
{
    const char *tag = walk->at, *after = skip(tag, "<!--", "-->");

    if (!after)
        after = skip(tag, "<![CDATA[", "]]>");
    if (!after)
        after = skip(tag, "<?", "?>");
    if (after) {
        walk->at = after;
        return;
    }
    walk->at = end_of_tag(tag);
    if (tag[1] == '/') {
        end_element(walk);
        return;
    }
    begin_element(walk, tag + 1, walk->at);
    if (walk->at[-2] == '/')
        end_element(walk);
}

static GArray *
find_values(const char *xml)
{
    Walk walk = {.at = xml, .values = g_array_new(FALSE, FALSE, sizeof(Value))};

    while ((walk.at = strchr(walk.at, '<')))
        step(&walk);
    return walk.values;
}

static const xmlNode *
next_called(const xmlNode *node, const char *name)
{
    while (node && !rl_xml_is(node, NULL, name))
        node = rl_xml_next_element(node);
    return node;
}

static void
read_disks(const xmlNode *devices, GPtrArray *files)
{
    const xmlNode *disk = next_called(rl_xml_first_element(devices), "disk");

    for (; disk; disk = next_called(rl_xml_next_element(disk), "disk")) {
        const xmlNode *source = rl_xml_child(disk, "source");
        char *file = source ? rl_xml_attribute(source, "file") : NULL;
        if (file)
            g_ptr_array_add(files, file);
    }
}

/* The same values as find_values() finds, as an XML parser reads them. */
static GPtrArray *
read_files(const char *xml, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document =
        rl_xml_parse(xml, strlen(xml), RL_DOMAIN_SIZE_MAX, what, error);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    if (!document)
        return NULL;
    if (!rl_xml_is(document->root, NULL, "domain")) {
        rl_fail(error, RL_ERROR_XML, "%s: not a <domain>", what);
        return NULL;
    }
    const xmlNode *devices = next_called(rl_xml_first_element(document->root), "devices");
    for (; devices; devices = next_called(rl_xml_next_element(devices), "devices"))
        read_disks(devices, files);
    return g_steal_pointer(&files);
}

static char *
replace(const char *xml, const GArray *values, const GPtrArray *files, GHashTable *paths,
        guint *ret_n)
{
    GString *text = g_string_new(NULL);

    *ret_n = 0;
    for (guint i = 0; i < values->len; i++) {
        const Value *value = &g_array_index(values, Value, i);
        const char *path = g_hash_table_lookup(paths, g_ptr_array_index(files, i));
        if (!path)
            continue;
        g_autofree char *escaped = g_markup_escape_text(path, -1);
        g_string_append_len(text, xml, value->start - xml);
        g_string_append(text, escaped);
        xml = value->end;
        ++*ret_n;
    }
    g_string_append(text, xml);
    return g_string_free(text, FALSE);
}

static bool
is_replaced(const GPtrArray *before, const GPtrArray *after, GHashTable *paths)
{
    for (guint i = 0; i < before->len; i++) {
        const char *old = g_ptr_array_index(before, i), *path = g_hash_table_lookup(paths, old);
        const char *wanted = path ? path : old;
        if (i >= after->len || /* GCOV_EXCL_START: a scan that errs */
            strcmp(g_ptr_array_index(after, i), wanted) != 0)
            return false; /* GCOV_EXCL_STOP */
    }
    return before->len == after->len;
}

char *
rl_xml_disk_sources_replace(const char *xml, GHashTable *paths, const char *what, guint *ret_n,
                            GError **error)
{
    g_autoptr(GPtrArray) files = read_files(xml, what, error);
    g_autoptr(GArray) values = files ? find_values(xml) : NULL;

    if (!files)
        return NULL;
    if (values->len == files->len) {
        g_autofree char *replaced = replace(xml, values, files, paths, ret_n);
        g_autoptr(GPtrArray) after = read_files(replaced, what, NULL);
        if (after && is_replaced(files, after, paths)) /* GCOV_EXCL_LINE: a scan that errs */
            return g_steal_pointer(&replaced);
    }
    rl_fail(error, RL_ERROR_XML,
            "%s: the paths of its disks cannot be replaced without changing anything else. Change "
            "them with 'virsh edit'",
            what);
    return NULL;
}

static bool
names(const xmlNode *parent, const char *path)
{
    for (const xmlNode *node = parent; node; node = node->next) {
        if (node->content && strcmp((const char *) node->content, path) == 0)
            return true;
        if (node->type != XML_ELEMENT_NODE)
            continue;
        for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
            if (names(attribute->children, path))
                return true;
        if (names(node->children, path))
            return true;
    }
    return false;
}

bool
rl_xml_names_path(const char *xml, const char *path, const char *what, bool *ret_named,
                  GError **error)
{
    g_autoptr(RlXmlDocument) document =
        rl_xml_parse(xml, strlen(xml), SIZE_MAX_NAMING, what, error);

    *ret_named = document && names(document->root, path);
    return document;
}
