/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-record.h"

#include "common/base/error.h"
#include "namespace.h"
#include "node.h"
#include "parser.h"
#include "strict.h"
#include "text.h"

#include <string.h>

#define ACCESS_MODE_MAX 07777
#define ACCESS_ID_MAX (G_MAXUINT32 - 1)

/* The elements of a record that count. */
typedef struct {
    const xmlNode *name;
    const xmlNode *capacity;
    const xmlNode *ours;
} Parts;

static bool
take(const xmlNode *node, const xmlNode **slot, GError **error)
{
    if (*slot) {
        g_autofree char *element = rl_xml_describe(node);
        return rl_xml_fail(node, error, "a second %s is not allowed", element);
    }
    *slot = node;
    return true;
}

static bool
sort_child(const xmlNode *node, Parts *parts, GError **error)
{
    g_autofree char *element = rl_xml_describe(node);

    if (rl_xml_is(node, NULL, "name"))
        return take(node, &parts->name, error);
    if (rl_xml_is(node, NULL, "capacity"))
        return take(node, &parts->capacity, error);
    if (rl_xml_is(node, RL_XML_NAMESPACE, "volume"))
        return take(node, &parts->ours, error);
    if (node->ns)
        return rl_xml_fail(node, error, "unknown element %s in <volume>", element);
    return true;
}

static bool
find_parts(const xmlNode *root, Parts *parts, GError **error)
{
    if (!rl_xml_is(root, NULL, "volume")) {
        g_autofree char *element = rl_xml_describe(root);
        return rl_xml_fail(root, error, "the root element is %s, not <volume>", element);
    }
    if (!rl_xml_check_no_text(root, error))
        return false;
    for (const xmlNode *child = rl_xml_first_element(root); child;
         child = rl_xml_next_element(child))
        if (!sort_child(child, parts, error))
            return false;
    if (!rl_xml_check_elsewhere(root, parts->ours, error))
        return false;
    if (!parts->name)
        return rl_xml_fail(root, error, "<volume> needs <name>");
    if (!parts->capacity)
        return rl_xml_fail(root, error, "<volume> needs <capacity>");
    if (!parts->ours)
        return rl_xml_fail(root, error, "<volume> needs <reflink:volume>");
    return true;
}

static bool
check_length(const xmlNode *node, const char *thing, const char *value, GError **error)
{
    if (value[0] == '\0')
        return rl_xml_fail(node, error, "%s is empty", thing);
    if (g_utf8_strlen(value, -1) > RL_RECORD_NAME_MAX)
        return rl_xml_fail(node, error, "%s is longer than %d characters", thing,
                           RL_RECORD_NAME_MAX);
    return true;
}

/* Read for its errors only: a volume is named by where its record lies. */
static bool
check_name(const xmlNode *node, GError **error)
{
    g_autofree char *name = rl_xml_text(node, error);

    return name && check_length(node, "<name>", name, error);
}

static bool
read_capacity(const xmlNode *node, uint64_t *ret_capacity, GError **error)
{
    const char *const known[] = {"unit", NULL};

    if (!rl_xml_check_attributes(node, known, error))
        return false;
    g_autofree char *unit = rl_xml_attribute(node, "unit");
    if (unit && strcmp(unit, "bytes") != 0) {
        g_autofree char *shown = rl_xml_shorten(unit);
        return rl_xml_fail(node, error, "unit='%s' of <capacity>: must be 'bytes'", shown);
    }

    g_autofree char *text = rl_xml_text(node, error);
    if (!text)
        return false;
    if (rl_xml_number(text, RL_RECORD_CAPACITY_MAX, ret_capacity))
        return true;
    g_autofree char *shown = rl_xml_shorten(text);
    return rl_xml_fail(node, error,
                       "'%s' in <capacity>: must be a number from 0 to %" G_GINT64_FORMAT
                       ", digits only",
                       shown, RL_RECORD_CAPACITY_MAX);
}

static bool
check_source(const xmlNode *node, int kind, const char *source, GError **error)
{
    if (kind != RL_KIND_SNAPSHOT && source)
        return rl_xml_fail(
            node, error,
            "<reflink:volume> has the attribute source, but is not of kind='snapshot'");
    if (kind != RL_KIND_SNAPSHOT)
        return true;
    if (!source)
        return rl_xml_fail(node, error,
                           "<reflink:volume> with kind='snapshot' needs the attribute source");
    return check_length(node, "source of <reflink:volume>", source, error);
}

/* A number of an access, which may be -1 where @least says so. */
static bool
read_part(const char *text, guint base, gint64 least, gint64 most, gint64 *ret_value)
{
    return g_ascii_string_to_signed(text, base, least, most, ret_value, NULL);
}

/* "MODE OWNER GROUP", the mode in octal digits, -1 for an owner or group that is the maker's. */
static bool
read_access(const xmlNode *node, RlRecord *record, GError **error)
{
    g_autofree char *text = rl_xml_attribute(node, "access");
    gint64 mode, uid, gid;

    if (!text)
        return true;
    if (record->kind != RL_KIND_VOLATILE)
        return rl_xml_fail(
            node, error,
            "<reflink:volume> has the attribute access, but is not of kind='volatile'");
    g_auto(GStrv) parts = g_strsplit(text, " ", 4);
    if (g_strv_length(parts) != 3 || !read_part(parts[0], 8, 0, ACCESS_MODE_MAX, &mode) ||
        !read_part(parts[1], 10, -1, ACCESS_ID_MAX, &uid) ||
        !read_part(parts[2], 10, -1, ACCESS_ID_MAX, &gid)) {
        g_autofree char *shown = rl_xml_shorten(text);
        return rl_xml_fail(node, error,
                           "access='%s' of <reflink:volume>: must be a mode, an owner and a group, "
                           "such as '0640 107 -1'",
                           shown);
    }
    record->access = (RlAccess){(mode_t) mode, (uid_t) uid, (gid_t) gid};
    return true;
}

/* Returns NULL with @error set. */
static RlRecord *
read_ours(const xmlNode *node, uint64_t capacity, GError **error)
{
    const char *const known[] = {"kind", "source", "access", NULL};

    if (!rl_xml_check_attributes(node, known, error) || !rl_xml_check_empty(node, error))
        return NULL;
    g_autofree char *word = rl_xml_attribute(node, "kind");
    g_autofree char *source = rl_xml_attribute(node, "source");
    if (!word) {
        rl_xml_fail(node, error, "<reflink:volume> needs the attribute kind");
        return NULL;
    }

    int kind = rl_kind_from_string(word);
    if (kind < 0) {
        g_autofree char *shown = rl_xml_shorten(word);
        rl_xml_fail(node, error, "unknown kind='%s' of <reflink:volume>", shown);
        return NULL;
    }
    if (!check_source(node, kind, source, error))
        return NULL;
    g_autoptr(RlRecord) record = rl_record_new((RlKind) kind, source, capacity);
    return read_access(node, record, error) ? g_steal_pointer(&record) : NULL;
}

static RlRecord *
read_record(const xmlNode *root, GError **error)
{
    Parts parts = {0};
    uint64_t capacity;

    if (!find_parts(root, &parts, error) || !check_name(parts.name, error) ||
        !read_capacity(parts.capacity, &capacity, error))
        return NULL;
    return read_ours(parts.ours, capacity, error);
}

RlRecord *
rl_xml_record_parse(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, length, RL_RECORD_SIZE_MAX, what, error);
    if (!document)
        return NULL;

    RlRecord *record = read_record(document->root, error);
    if (!record)
        g_prefix_error(error, "%s: ", what);
    return record;
}

/* Of a user or group; none is -1. */
static gint64
id_number(guint32 id)
{
    return id == (guint32) -1 ? -1 : (gint64) id;
}

char *
rl_xml_record_format(const RlRecord *record, const char *name)
{
    GString *out = g_string_new("<volume xmlns:" RL_XML_PREFIX "='" RL_XML_NAMESPACE "'>\n");

    g_string_append(out, "  <name>");
    rl_xml_append_escaped(out, name);
    g_string_append_printf(out,
                           "</name>\n  <capacity unit='bytes'>%" G_GUINT64_FORMAT "</capacity>\n",
                           record->capacity);
    g_string_append_printf(out, "  <" RL_XML_PREFIX ":volume kind='%s'",
                           rl_kind_to_string(record->kind));
    if (record->source) {
        g_string_append(out, " source='");
        rl_xml_append_escaped(out, record->source);
        g_string_append_c(out, '\'');
    }
    if (record->kind == RL_KIND_VOLATILE)
        g_string_append_printf(out, " access='0%o %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "'",
                               (guint) record->access.mode, id_number(record->access.uid),
                               id_number(record->access.gid));
    g_string_append(out, "/>\n</volume>\n");
    return g_string_free(out, FALSE);
}
