/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-options.h"

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
    bool space;
    bool paths;
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

    return rl_xml_fail(node, error, "%s needs the attribute %s", element, name);
}

/* What one attribute has, if it is there. */
static bool
read_count(const xmlNode *node, const char *name, int *ret_count, GError **error)
{
    g_autofree char *value = rl_xml_attribute(node, name);
    uint64_t number;

    if (!value)
        return true;
    if (!rl_xml_number(value, RL_KEEP_MAX, &number))
        return bad_value(node, name, value,
                         "a number from 0 to " G_STRINGIFY(RL_KEEP_MAX) ", digits only", error);
    *ret_count = (int) number;
    return true;
}

/* keep is -1 where nothing is said of it; the others need it. */
static bool
read_keep(const xmlNode *node, RlRetention *ret_keep, GError **error)
{
    RlRetention keep = {.newest = -1};
    const struct {
        const char *name;
        int *count;
    } times[] = {
        {"keep-hourly", &keep.hourly}, {"keep-daily", &keep.daily}, {"keep-weekly", &keep.weekly}};

    if (!read_count(node, "keep", &keep.newest, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        int count = -1;
        if (!read_count(node, times[i].name, &count, error))
            return false;
        if (count >= 0 && keep.newest < 0)
            return missing(node, "keep, if it has keep-hourly, keep-daily or keep-weekly", error);
        *times[i].count = MAX(count, 0);
    }
    *ret_keep = keep;
    return true;
}

static bool
read_revisions(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"keep", "keep-hourly", "keep-daily", "keep-weekly", NULL};
    RlRetention keep = {.newest = -1};

    if (reader->revisions)
        return rl_xml_fail(node, error, "a second <reflink:revisions> is not allowed");
    reader->revisions = true;
    if (!rl_xml_check_attributes(node, known, error) || !read_keep(node, &keep, error))
        return false;
    if (keep.newest < 0)
        return missing(node, "keep", error);
    reader->options->keep = keep;
    return true;
}

static bool
read_space(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"warn-below", NULL};
    uint64_t percent;

    if (reader->space)
        return rl_xml_fail(node, error, "a second <reflink:space> is not allowed");
    reader->space = true;
    if (!rl_xml_check_attributes(node, known, error))
        return false;

    g_autofree char *value = rl_xml_attribute(node, "warn-below");
    if (!value)
        return missing(node, "warn-below", error);
    if (!rl_xml_number(value, RL_WARN_FREE_MAX, &percent))
        return bad_value(node, "warn-below", value,
                         "a percentage from 0 to " G_STRINGIFY(RL_WARN_FREE_MAX) ", digits only",
                         error);
    reader->options->warn_free = (int) percent;
    return true;
}

static bool
read_fallback(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"copy", NULL};

    if (reader->fallback)
        return rl_xml_fail(node, error, "a second <reflink:fallback> is not allowed");
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
read_paths(Reader *reader, const xmlNode *node, GError **error)
{
    const char *const known[] = {"form", NULL};

    if (reader->paths)
        return rl_xml_fail(node, error, "a second <reflink:paths>");
    reader->paths = true;
    if (!rl_xml_check_attributes(node, known, error))
        return false;

    g_autofree char *form = rl_xml_attribute(node, "form");
    if (!form)
        return missing(node, "form", error);
    reader->options->path_links = strcmp(form, "link") == 0;
    if (!reader->options->path_links && strcmp(form, "image") != 0)
        return bad_value(node, "form", form, "'image' or 'link'", error);
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
read_backing(const xmlNode *node, const char *value, int *ret_kind, GError **error)
{
    int kind = rl_kind_from_string(value);

    if (kind < 0 || kind == RL_KIND_VOLATILE)
        return bad_value(node, "backing", value, "'snapshot', 'persistent' or 'direct'", error);
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
    const char *const known[] = {"match",       "keep", "keep-hourly", "keep-daily",
                                 "keep-weekly", "kind", "backing",     NULL};
    RlRetention keep = {.newest = -1};
    int kind_value = -1, backing_value = -1;

    if (reader->options->rules->len >= RL_OPTIONS_RULES_MAX)
        return rl_xml_fail(node, error, "more than %d <reflink:volume> rules",
                           RL_OPTIONS_RULES_MAX);
    if (!rl_xml_check_attributes(node, known, error))
        return false;

    g_autofree char *match = rl_xml_attribute(node, "match");
    g_autofree char *kind = rl_xml_attribute(node, "kind");
    g_autofree char *backing = rl_xml_attribute(node, "backing");
    if (!check_match(reader, node, match, error) || !read_keep(node, &keep, error))
        return false;
    if (keep.newest < 0 && !kind && !backing)
        return missing(node, "keep, kind or backing", error);
    if (kind && !read_kind(node, kind, &kind_value, error))
        return false;
    if (backing && !read_backing(node, backing, &backing_value, error))
        return false;
    RlRule *rule = rl_options_add_rule(reader->options, match, -1, kind_value);
    rule->keep = keep;
    rule->backing = backing_value;
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
    if (rl_xml_is(node, RL_XML_NAMESPACE, "space"))
        return read_space(reader, node, error);
    if (rl_xml_is(node, RL_XML_NAMESPACE, "paths"))
        return read_paths(reader, node, error);
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
            return rl_xml_fail(child, error, "a second <reflink:options> is not allowed");
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
    g_autoptr(RlXmlDocument) document =
        rl_xml_parse(text, length, RL_OPTIONS_SIZE_MAX, what, error);
    if (!document)
        return NULL;

    const xmlNode *root = document->root;
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
format_count(GString *out, const char *name, int count)
{
    if (count > 0)
        g_string_append_printf(out, " %s='%d'", name, count);
}

static void
format_keep(GString *out, const RlRetention *keep)
{
    if (keep->newest < 0)
        return;
    g_string_append_printf(out, " keep='%d'", keep->newest);
    format_count(out, "keep-hourly", keep->hourly);
    format_count(out, "keep-daily", keep->daily);
    format_count(out, "keep-weekly", keep->weekly);
}

static void
format_rule(GString *out, const RlRule *rule)
{
    g_string_append(out, "  <" RL_XML_PREFIX ":volume match='");
    rl_xml_append_escaped(out, rule->match);
    g_string_append_c(out, '\'');
    format_keep(out, &rule->keep);
    if (rule->kind >= 0)
        g_string_append_printf(out, " kind='%s'", rl_kind_to_string((RlKind) rule->kind));
    if (rule->backing >= 0)
        g_string_append_printf(out, " backing='%s'", rl_kind_to_string((RlKind) rule->backing));
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
    g_string_append(out, "  <" RL_XML_PREFIX ":revisions");
    format_keep(out, &options->keep);
    g_string_append(out, "/>\n");
    if (options->warn_free != RL_WARN_FREE_DEFAULT)
        g_string_append_printf(out, "  <" RL_XML_PREFIX ":space warn-below='%d'/>\n",
                               options->warn_free);
    if (options->fallback_copy)
        g_string_append(out, "  <" RL_XML_PREFIX ":fallback copy='yes'/>\n");
    if (options->path_links)
        g_string_append(out, "  <" RL_XML_PREFIX ":paths form='link'/>\n");
    for (guint i = 0; i < options->rules->len; i++)
        format_rule(out, g_ptr_array_index(options->rules, i));
    g_string_append(out, "</" RL_XML_PREFIX ":options>\n");
    return g_string_free(out, FALSE);
}
