/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look.h"

#include <string.h>

static void
look_free(gpointer data)
{
    Look *look = data;

    g_free(look->kind);
    g_free(look->state);
    g_free(look->size);
    g_free(look->clean);
    g_free(look->dirty_tag);
    g_free(look->dirty_size);
    g_ptr_array_unref(look->revisions);
    g_free(look);
}

static Look *
look_new(void)
{
    Look *look = g_new0(Look, 1);

    look->revisions = g_ptr_array_new_with_free_func(g_free);
    return look;
}

static Look *
need_look(GHashTable *looks, const char *name, size_t length)
{
    g_autofree char *key = g_strndup(name, length);
    Look *look = g_hash_table_lookup(looks, key);

    if (!look) {
        look = look_new();
        g_hash_table_insert(looks, g_steal_pointer(&key), look);
    }
    return look;
}

static void
read_dirty(Look *look, const char *word)
{
    const char *image = word + strlen("dirty="), *slash = strchr(image, '/');

    if (!slash)
        return;
    look->dirty_tag = g_strndup(image, (gsize) (slash - image));
    look->dirty_size = g_strdup(slash + 1);
}

/* NAME KIND STATE [HOLD] size=... clean=... dirty=... */
static void
read_volume(Look *look, char *const *words)
{
    g_autoptr(GString) state = g_string_new(NULL);

    look->there = true;
    look->kind = g_strdup(words[1]);
    for (int i = 2; words[i]; i++) {
        if (g_str_has_prefix(words[i], "size="))
            look->size = g_strdup(words[i]);
        else if (g_str_has_prefix(words[i], "clean="))
            look->clean = g_strdup(words[i]);
        else if (g_str_has_prefix(words[i], "dirty="))
            read_dirty(look, words[i]);
        else
            g_string_append_printf(state, "%s%s", state->len ? " " : "", words[i]);
    }
    look->state = g_strdup(state->str);
}

static void
read_line(GHashTable *looks, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    const char *at = strchr(words[0], '@');

    if (!at)
        read_volume(need_look(looks, words[0], strlen(words[0])), words);
    else if (g_str_has_suffix(line, " is-clean"))
        need_look(looks, words[0], (size_t) (at - words[0]))->linked = true;
    else
        g_ptr_array_add(need_look(looks, words[0], (size_t) (at - words[0]))->revisions,
                        g_strdup(line));
}

GHashTable *
looks_read(const char *description)
{
    GHashTable *looks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, look_free);
    g_auto(GStrv) lines = g_strsplit(description, "\n", -1);

    for (char **line = lines; *line; line++)
        if (**line)
            read_line(looks, *line);
    return looks;
}

const Look *
looks_find(GHashTable *looks, const char *volume)
{
    static Look nothing;
    const Look *look = looks ? g_hash_table_lookup(looks, volume) : NULL;

    if (!nothing.revisions)
        nothing.revisions = g_ptr_array_new();
    return look ? look : &nothing;
}

char *
look_to_string(const Look *look)
{
    g_autoptr(GString) text = g_string_new(look->there ? NULL : "no volume");

    if (look->there)
        g_string_append_printf(text, "%s %s %s %s", look->kind, look->state, look->size,
                               look->clean);
    if (look->dirty_tag)
        g_string_append_printf(text, " dirty=%s/%s", look->dirty_tag, look->dirty_size);
    for (guint i = 0; i < look->revisions->len; i++)
        g_string_append_printf(text, "; %s", (const char *) g_ptr_array_index(look->revisions, i));
    if (look->linked)
        g_string_append(text, "; a revision that is the clean image");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

bool
look_equal(const Look *a, const Look *b)
{
    g_autofree char *left = look_to_string(a), *right = look_to_string(b);

    return strcmp(left, right) == 0;
}

uint64_t
look_revision_number(const char *line)
{
    return g_ascii_strtoull(strchr(line, '@') + 1, NULL, 10);
}
