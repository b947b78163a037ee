/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-name.h"

#include <limits.h>
#include <string.h>

#include "common/base/error.h"

#define LABEL_CURRENT "current"

/* Names stand in XML documents, whose characters are not all of Unicode (and control characters are
 * not all of ASCII). */
static bool
has_forbidden_character(const char *text)
{
    for (const char *c = text; *c; c = g_utf8_next_char(c)) {
        gunichar character = g_utf8_get_char(c);
        if (g_unichar_iscntrl(character) || character == 0xFFFE || character == 0xFFFF)
            return true;
    }
    return false;
}

bool
rl_name_check_component(const char *component, GError **error)
{
    if (!*component)
        return rl_fail(error, RL_ERROR_NAME, "a component of the name is empty");
    if (strlen(component) > RL_NAME_COMPONENT_MAX)
        return rl_fail(error, RL_ERROR_NAME, "a component of the name is longer than %d bytes",
                       RL_NAME_COMPONENT_MAX);
    if (component[0] == '.')
        return rl_fail(error, RL_ERROR_NAME, "a component of the name begins with '.'");
    for (const char *c = component; *c; c++) {
        if (*c == '/')
            return rl_fail(error, RL_ERROR_NAME, "a component of the name contains a '/'");
        if (*c == '@')
            return rl_fail(error, RL_ERROR_NAME, "'@' in a name is reserved for revisions");
        if (*c == '~')
            return rl_fail(error, RL_ERROR_NAME, "'~' in a name is reserved for temporary files");
    }
    if (!g_utf8_validate(component, -1, NULL))
        return rl_fail(error, RL_ERROR_NAME, "the name is not UTF-8");
    if (has_forbidden_character(component))
        return rl_fail(error, RL_ERROR_NAME, "the name contains a control character");
    if (strstr(component, ".img"))
        return rl_fail(error, RL_ERROR_NAME, "'.img' in a name is reserved for image files");
    if (g_str_has_suffix(component, ".volume.xml"))
        return rl_fail(error, RL_ERROR_NAME,
                       "names that end in '.volume.xml' are reserved for records");
    return true;
}

bool
rl_name_check_leaf(const char *leaf, GError **error)
{
    static const char *const taken[] = {"-dirty", "-precache", "-import"};

    if (!rl_name_check_component(leaf, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(taken); i++)
        if (g_str_has_suffix(leaf, taken[i]))
            return rl_fail(error, RL_ERROR_NAME,
                           "names that end in '%s' are reserved for image files", taken[i]);
    return true;
}

bool
rl_name_check_label(const char *leaf, const char *label, GError **error)
{
    if (!g_ascii_isalnum(label[0]))
        return rl_fail(error, RL_ERROR_NAME, "a revision's label begins with a letter or a digit");
    for (const char *c = label; *c; c++)
        if (!g_ascii_isalnum(*c) && !strchr("._:+-", *c))
            return rl_fail(error, RL_ERROR_NAME,
                           "a revision's label has only letters, digits and '._:+-'");
    if (strlen(leaf) + strlen(".img@") + strlen(label) > NAME_MAX)
        return rl_fail(error, RL_ERROR_NAME,
                       "the revision's label is too long: its file name would "
                       "have more than %d bytes",
                       NAME_MAX);
    return true;
}

/* What follows the @: a number, "current", or a label. */
static bool
parse_suffix(RlName *name, const char *suffix, GError **error)
{
    if (strcmp(suffix, LABEL_CURRENT) == 0) {
        name->form = RL_NAME_CURRENT;
        return true;
    }
    if (*suffix && strspn(suffix, "0123456789") == strlen(suffix)) {
        name->form = RL_NAME_REVISION;
        /* One spelling a revision: what is listed and what is asked for must be the same name. */
        if (suffix[0] == '0' ||
            !g_ascii_string_to_unsigned(suffix, 10, 1, UINT64_MAX, &name->number, NULL))
            return rl_fail(error, RL_ERROR_NAME,
                           "a revision's number has no leading zero and is at most 2^64-1");
        return true;
    }
    name->form = RL_NAME_LABEL;
    name->label = g_strdup(suffix);
    return rl_name_check_label(name->leaf, suffix, error);
}

static bool
parse_volume(RlName *name, GError **error)
{
    g_auto(GStrv) components = g_strsplit(name->volume, "/", -1);
    guint n = g_strv_length(components);

    if (n == 0)
        return rl_fail(error, RL_ERROR_NAME, "the name is empty");
    if (name->volume[0] == '/')
        return rl_fail(error, RL_ERROR_NAME, "names are relative to the pool: no '/' at the start");
    if (n > RL_NAME_COMPONENTS_MAX)
        return rl_fail(error, RL_ERROR_NAME, "the name has more than %d components",
                       RL_NAME_COMPONENTS_MAX);
    for (guint i = 0; i + 1 < n; i++)
        if (!rl_name_check_component(components[i], error))
            return false;
    if (!rl_name_check_leaf(components[n - 1], error))
        return false;
    /* One name a volume: the folder is how names of one component are kept, no name of its own. */
    if (n == 2 && strcmp(components[0], RL_NAME_FOLDER) == 0)
        return rl_fail(error, RL_ERROR_NAME,
                       "the directory '%s' stores volumes with one-component names: the name of "
                       "this volume is '%s'",
                       RL_NAME_FOLDER, components[1]);

    name->leaf = g_strdup(components[n - 1]);
    if (n == 1) {
        name->dir = g_strdup(RL_NAME_FOLDER);
        return true;
    }
    g_clear_pointer(&components[n - 1], g_free);
    name->dir = g_strjoinv("/", components);
    return true;
}

RlName *
rl_name_parse(const char *text, GError **error)
{
    g_autoptr(RlName) name = g_new0(RlName, 1);
    g_autoptr(GError) cause = NULL;
    const char *at = strchr(text, '@');

    name->text = g_strdup(text);
    name->volume = at ? g_strndup(text, (gsize) (at - text)) : g_strdup(text);
    if (parse_volume(name, &cause) && (!at || parse_suffix(name, at + 1, &cause)))
        return g_steal_pointer(&name);

    /* A hostile name must not garble the message that quotes it, nor fill the screen. */
    g_autofree char *shown = g_strescape(text, NULL);
    if (strlen(shown) > 120)
        strcpy(shown + 117, "...");
    rl_fail(error, RL_ERROR_NAME, "invalid volume name '%s': %s", shown, cause->message);
    return NULL;
}

RlName *
rl_name_parse_volume(const char *text, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(text, error);

    if (name && name->form != RL_NAME_HEAD) {
        rl_fail(error, RL_ERROR_NAME, "'%s' names a revision, not a volume. Use '%s'", text,
                name->volume);
        return NULL;
    }
    return g_steal_pointer(&name);
}

char *
rl_name_join(const char *dir, const char *leaf)
{
    if (strcmp(dir, RL_NAME_FOLDER) == 0)
        return g_strdup(leaf);
    return g_strconcat(dir, "/", leaf, NULL);
}

void
rl_name_free(RlName *name)
{
    if (!name)
        return;
    g_free(name->text);
    g_free(name->volume);
    g_free(name->dir);
    g_free(name->leaf);
    g_free(name->label);
    g_free(name);
}
