/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer-graph.h"

#include "domain-disks.h"

static void
unref_paths(gpointer paths)
{
    g_hash_table_unref(paths);
}

GHashTable *
rl_layer_graph_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_paths);
}

void
rl_layer_graph_add(GHashTable *graph, const char *overlay, const char *path)
{
    GHashTable *paths = g_hash_table_lookup(graph, overlay);

    if (!paths) {
        paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(graph, g_strdup(overlay), paths);
    }
    g_hash_table_add(paths, g_strdup(path));
}

/* Appends to @way what lies directly below @overlay, but for what is @seen. */
static void
add_below(GHashTable *graph, const char *overlay, GHashTable *seen, GPtrArray *way)
{
    GHashTable *paths = g_hash_table_lookup(graph, overlay);
    GHashTableIter iter;
    gpointer path;

    if (!paths)
        return;
    g_hash_table_iter_init(&iter, paths);
    while (way->len <= RL_DISK_CHAIN_MAX && g_hash_table_iter_next(&iter, &path, NULL))
        if (g_hash_table_add(seen, path))
            g_ptr_array_add(way, path);
}

bool
rl_layer_graph_any_below(GHashTable *graph, const char *overlay, RlLayerTest test, gpointer data,
                         bool otherwise)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) way = g_ptr_array_new();

    add_below(graph, overlay, seen, way);
    for (guint i = 0; i < way->len; i++) {
        const char *path = g_ptr_array_index(way, i);
        if (test(path, data))
            return true;
        add_below(graph, path, seen, way);
    }
    return way->len > RL_DISK_CHAIN_MAX && otherwise;
}
