/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "named-files.h"

#include "node.h"

#include <limits.h>
#include <string.h>

/* What may stand before a path in an argument of the emulator's. */
#define BEFORE_PATH "=:,\"' "

static void
named_file_free(void *data)
{
    RlNamedFile *file = data;

    g_free(file->element);
    g_free(file->path);
    g_free(file);
}

/* Takes over @path. */
static void
add(GPtrArray *files, const xmlNode *node, char *path, bool shared)
{
    if (files->len > RL_NAMED_FILES_MAX) {
        g_free(path);
        return;
    }
    /* What the kernel would not open counts all the same: no document costs more than its size. */
    if (strlen(path) >= PATH_MAX)
        path[1] = '\0';
    RlNamedFile file = {.element = rl_xml_describe(node), .path = path, .shared = shared};
    g_ptr_array_add(files, g_memdup2(&file, sizeof(file)));
}

/* The path at the beginning of @text, up to a quote or a comma that is not doubled, or too long. */
static char *
take_path(const char *text)
{
    g_autoptr(GString) path = g_string_new(NULL);

    for (const char *c = text; *c && *c != '"' && path->len < PATH_MAX; c++) {
        if (*c == ',' && c[1] != ',')
            break;
        g_string_append_c(path, *c);
        c += *c == ',' ? 1 : 0;
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

/* In QEMU's words a path can stand anywhere. */
static void
add_words(GPtrArray *files, const xmlNode *node, const char *value)
{
    for (const char *slash = strchr(value, '/'); slash && files->len <= RL_NAMED_FILES_MAX;
         slash = strchr(slash + 1, '/'))
        if (slash == value || strchr(BEFORE_PATH, slash[-1]))
            add(files, node, take_path(slash), false);
}

static void
add_value(GPtrArray *files, const xmlNode *node, const char *value, bool shared)
{
    if (value[0] == '/')
        add(files, node, g_strndup(value, PATH_MAX), shared);
    else if (!node->ns && strchr(value, '/'))
        /* The daemon's programs take one that is relative from its directory. */
        add(files, node, g_strdup_printf("/%.*s", PATH_MAX, value), shared);
    if (node->ns)
        add_words(files, node, value);
}

/* domain-disks.c reads these. */
static bool
is_image(const xmlNode *node, const char *attribute, bool in_disk)
{
    return in_disk && (rl_xml_is(node, NULL, "source") || rl_xml_is(node, NULL, "mirror")) &&
           (strcmp(attribute, "file") == 0 || strcmp(attribute, "dev") == 0);
}

/* The guest may write in the directory that <filesystem> gives it. */
static bool
is_shared(const xmlNode *node, const char *attribute)
{
    return strcmp(attribute, "dir") == 0 && rl_xml_is(node, NULL, "source") &&
           rl_xml_is(node->parent, NULL, "filesystem") && !rl_xml_child(node->parent, "readonly");
}

static void
add_element(GPtrArray *files, const xmlNode *node, bool in_disk)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        const char *name = (const char *) attribute->name;
        g_autofree char *value = rl_xml_attribute(node, name);
        if (value && !is_image(node, name, in_disk))
            add_value(files, node, value, is_shared(node, name));
    }
    g_autofree char *text = rl_xml_first_element(node) ? NULL : rl_xml_text(node, NULL);
    if (text)
        add_value(files, node, g_strstrip(text), false);
}

static bool
is_for_people(const xmlNode *node)
{
    return rl_xml_is(node, NULL, "metadata") || rl_xml_is(node, NULL, "description") ||
           rl_xml_is(node, NULL, "title");
}

/* The parser allows no deep nesting. */
static void
walk(GPtrArray *files, const xmlNode *parent, bool in_disk)
{
    for (const xmlNode *node = rl_xml_first_element(parent); node;
         node = rl_xml_next_element(node)) {
        bool disk = in_disk || rl_xml_is(node, NULL, "disk");
        if (is_for_people(node))
            continue;
        add_element(files, node, disk);
        walk(files, node, disk);
    }
}

GPtrArray *
rl_xml_named_files(const xmlNode *domain)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(named_file_free);

    walk(files, domain, false);
    return files;
}
