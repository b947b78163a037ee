/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-options.h"

#include "autoptr.h"
#include "common/base/error.h"
#include "node.h"
#include "parser.h"
#include "strict.h"
#include "text.h"

#include <string.h>

/* Options in the making, and what has been seen of them. */
typedef struct {
    RlOptions *options;
    bool revisions;
    bool fallback;
    size_t match_bytes;
} Reader;

/* The value that the rules of attribute @name exclude, named. */
static bool
bad_value(const xmlNode *node, const char *name, const char *value, const char *allowed,
          GError **error)
{
    g_autofree char *element = rl_xml_describe(node);
    g_autofree char *shown = rl_xml_shorten(value);

    return rl_xml_fail(node, error, "%s='%s' of %s: must be %s", name, shown, element, allowed);
}

static bool
missing(const xmlNode *node, const char *name, GError **error)
{
    g_autofree char *element = rl_xml_describe(node);

    return rl_xml_fail(node, error, "%s needs %s", element, name);
}

static bool
read_keep(const xmlNode *node, const char *value, int *ret_keep, GError **error)
{
    uint64_t number;

    if (!rl_xml_number(value, RL_KEEP_MAX, &number))
        return bad_value(node, "keep", value,
                         "a number from 0 to " G_STRINGIFY(RL_KEEP_MAX) ", digits only", error);
    *ret_keep = (int) number;
    return true;
}

static bool
read_revisions(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"keep", NULL};

    if (reader->revisions)
        return rl_xml_fail(node, error, "a second <reflink:revisions>");
    reader->revisions = true;
    if (!rl_xml_check_attributes(node, known, error))
        return false;

    g_autofree char *keep = rl_xml_attribute(node, "keep");
    if (!keep)
        return missing(node, "keep", error);
    return read_keep(node, keep, &reader->options->keep, error);
}

static bool
read_fallback(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"copy", NULL};

    if (reader->fallback)
        return rl_xml_fail(node, error, "a second <reflink:fallback>");
    reader->fallback = true;
    if (!rl_xml_check_attributes(node, known, error))
        return false;

    g_autofree char *copy = rl_xml_attribute(node, "copy");
    if (!copy)
        return missing(node, "copy", error);
    reader->options->fallback_copy = strcmp(copy, "yes") == 0;
    if (!reader->options->fallback_copy && strcmp(copy, "no") != 0)
        return bad_value(node, "copy", copy, "'yes' or 'no'", error);
    return true;
}

static bool
read_kind(const xmlNode *node, const char *value, int *ret_kind, GError **error)
{
    int kind = rl_kind_from_string(value);

    if (kind == RL_KIND_SNAPSHOT)
        return rl_xml_fail(
            node, error,
            "kind='snapshot' of <reflink:volume>: a snapshot needs a source, which a "
            "rule cannot give; create the volume with a <backingStore>");
    if (kind < 0)
        return bad_value(node, "kind", value, "'persistent', 'volatile' or 'direct'", error);
    *ret_kind = kind;
    return true;
}

static bool
check_match(Reader *reader, const xmlNode *node, const char *match, GError **error)
{
    if (!match)
        return missing(node, "match", error);
    if (match[0] == '\0')
        return rl_xml_fail(node, error, "match of <reflink:volume> is empty");
    if (g_utf8_strlen(match, -1) > RL_OPTIONS_MATCH_MAX)
        return rl_xml_fail(node, error, "match of <reflink:volume> is longer than %d characters",
                           RL_OPTIONS_MATCH_MAX);

    reader->match_bytes += strlen(match);
    if (reader->match_bytes > RL_OPTIONS_MATCHES_MAX)
        return rl_xml_fail(node, error,
                           "the match patterns of <reflink:volume> are longer than %d bytes in all",
                           RL_OPTIONS_MATCHES_MAX);
    return true;
}

static bool
read_rule(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"match", "keep", "kind", NULL};
    int keep_value = -1, kind_value = -1;

    if (reader->options->rules->len >= RL_OPTIONS_RULES_MAX)
        return rl_xml_fail(node, error, "more than %d <reflink:volume> rules",
                           RL_OPTIONS_RULES_MAX);
    if (!rl_xml_check_attributes(node, known, error))
        return false;

    g_autofree char *match = rl_xml_attribute(node, "match");
    g_autofree char *keep = rl_xml_attribute(node, "keep");
    g_autofree char *kind = rl_xml_attribute(node, "kind");
    if (!check_match(reader, node, match, error))
        return false;
    if (!keep && !kind)
        return missing(node, "keep or kind", error);
    if (keep && !read_keep(node, keep, &keep_value, error))
        return false;
    if (kind && !read_kind(node, kind, &kind_value, error))
        return false;
    rl_options_add_rule(reader->options, match, keep_value, kind_value);
    return true;
}

/* The mark of the pool, in a processing instruction: versions that do not know it pass over it. */
static void
read_mark(const xmlNode *root, RlOptions *options)
{
    for (const xmlNode *child = root->children; child; child = child->next)
        if (child->type == XML_PI_NODE && !options->mark &&
            strcmp((const char *) child->name, RL_OPTIONS_MARK) == 0)
            options->mark = g_strdup(child->content ? (const char *) child->content : "");
}

static bool
read_child(Reader *reader, const xmlNode *node, GError **error)
{
    if (!rl_xml_check_empty(node, error))
        return false;
    if (rl_xml_is(node, RL_XML_NAMESPACE, "revisions"))
        return read_revisions(reader, node, error);
    if (rl_xml_is(node, RL_XML_NAMESPACE, "fallback"))
        return read_fallback(reader, node, error);
    if (rl_xml_is(node, RL_XML_NAMESPACE, "volume"))
        return read_rule(reader, node, error);

    g_autofree char *element = rl_xml_describe(node);
    return rl_xml_fail(node, error, "unknown element %s in <reflink:options>", element);
}

/* Returns NULL with @error set. */
static RlOptions *
read_options(const xmlNode *root, GError **error)
{
    const char *const known[] = {NULL};
    g_autoptr(RlOptions) options = rl_options_new();
    Reader reader = {.options = options};

    if (!rl_xml_check_attributes(root, known, error) || !rl_xml_check_no_text(root, error))
        return NULL;
    read_mark(root, options);
    for (const xmlNode *child = rl_xml_first_element(root); child;
         child = rl_xml_next_element(child))
        if (!read_child(&reader, child, error))
            return NULL;
    return g_steal_pointer(&options);
}

bool
rl_xml_options_from_nodes(const xmlNode *pool, RlOptions **ret_options, GError **error)
{
    const xmlNode *found = NULL;

    for (const xmlNode *child = rl_xml_first_element(pool); child;
         child = rl_xml_next_element(child)) {
        if (!rl_xml_is(child, RL_XML_NAMESPACE, "options"))
            continue;
        if (found)
            return rl_xml_fail(child, error, "a second <reflink:options>");
        found = child;
    }
    if (!rl_xml_check_elsewhere(pool, found, error))
        return false;

    RlOptions *options = found ? read_options(found, error) : NULL;
    if (found && !options)
        return false;
    *ret_options = options;
    return true;
}

RlOptions *
rl_xml_options_parse(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(xmlDoc) document = rl_xml_parse(text, length, RL_OPTIONS_SIZE_MAX, what, error);
    if (!document)
        return NULL;

    const xmlNode *root = xmlDocGetRootElement(document);
    if (!rl_xml_is(root, RL_XML_NAMESPACE, "options")) {
        g_autofree char *element = rl_xml_describe(root);
        rl_fail(error, RL_ERROR_XML, "%s: the root element is %s, not <reflink:options> of '%s'",
                what, element, RL_XML_NAMESPACE);
        return NULL;
    }

    RlOptions *options = read_options(root, error);
    if (!options)
        g_prefix_error(error, "%s: ", what);
    return options;
}

static void
format_rule(GString *out, const RlRule *rule)
{
    g_string_append(out, "  <" RL_XML_PREFIX ":volume match='");
    rl_xml_append_escaped(out, rule->match);
    g_string_append_c(out, '\'');
    if (rule->keep >= 0)
        g_string_append_printf(out, " keep='%d'", rule->keep);
    if (rule->kind >= 0)
        g_string_append_printf(out, " kind='%s'", rl_kind_to_string((RlKind) rule->kind));
    g_string_append(out, "/>\n");
}

char *
rl_xml_options_format(const RlOptions *options, bool declare_namespace)
{
    GString *out = g_string_new("<" RL_XML_PREFIX ":options");

    if (declare_namespace)
        g_string_append(out, " xmlns:" RL_XML_PREFIX "='" RL_XML_NAMESPACE "'");
    g_string_append(out, ">\n");
    if (declare_namespace && options->mark)
        g_string_append_printf(out, "  <?" RL_OPTIONS_MARK " %s?>\n", options->mark);
    g_string_append_printf(out, "  <" RL_XML_PREFIX ":revisions keep='%d'/>\n", options->keep);
    if (options->fallback_copy)
        g_string_append(out, "  <" RL_XML_PREFIX ":fallback copy='yes'/>\n");
    for (guint i = 0; i < options->rules->len; i++)
        format_rule(out, g_ptr_array_index(options->rules, i));
    g_string_append(out, "</" RL_XML_PREFIX ":options>\n");
    return g_string_free(out, FALSE);
}
