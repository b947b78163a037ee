/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies directly below each overlay, as several records say. Two of them may say different
 * things of one path: a program makes an overlay of that name each night, of the disk that the
 * domain has by then. All of it is believed. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_layer_graph_new:
 * Returns a graph without any layer; to be given back with g_hash_table_unref().
 */
GHashTable *rl_layer_graph_new(void);

/**
 * rl_layer_graph_add:
 * Says in @graph that @path lies below @overlay; both are copied.
 */
void rl_layer_graph_add(GHashTable *graph, const char *overlay, const char *path);

/* Asked of each layer. */
typedef bool (*RlLayerTest)(const char *path, gpointer data);

/**
 * rl_layer_graph_any_below:
 * True if @test is so of what lies below @overlay, at any depth; @otherwise where that is more than
 * RL_DISK_CHAIN_MAX layers, and none of the first so many is it. A circle has an end.
 */
bool rl_layer_graph_any_below(GHashTable *graph, const char *overlay, RlLayerTest test,
                              gpointer data, bool otherwise);
