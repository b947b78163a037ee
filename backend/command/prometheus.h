/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics in Prometheus' text format, version 0.0.4, as node_exporter's textfile collector reads
 * it: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#pragma once

#include "backend/cli/json.h"

/* One metric of the output: a head, then a line for each sample. */
typedef struct {
    const char *name, *help;
    GPtrArray *samples;
} RlMetric;

/**
 * rl_metric_add:
 * Adds a sample of @value to @metric, a gauge. @labels are names and values in turn, ended by a
 * NULL; values may be whatever a guest or an administrator chose: what is no UTF-8 in them is
 * replaced, and what would end them is escaped.
 */
void rl_metric_add(RlMetric *metric, const char *const *labels, guint64 value);

/**
 * rl_metric_print:
 * Prints @metric to stdout, if it has samples, and frees those.
 */
void rl_metric_print(RlMetric *metric);

/**
 * rl_metric_json:
 * Writes @metric into the array that is open in @json, if it has samples, and frees those.
 */
void rl_metric_json(RlMetric *metric, RlJson *json);
