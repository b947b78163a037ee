/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "prometheus.h"

#include <stdio.h>

/* Backslash, quote and line feed are all that the format escapes. */
static void
append_value(GString *out, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);

    for (const char *c = valid; *c; c++) {
        if (*c == '\\' || *c == '"')
            g_string_append_c(out, '\\');
        if (*c == '\n')
            g_string_append(out, "\\n");
        else
            g_string_append_c(out, *c);
    }
}

void
rl_metric_add(RlMetric *metric, const char *const *labels, guint64 value)
{
    if (!metric->samples)
        metric->samples = g_string_new(NULL);
    g_string_append(metric->samples, metric->name);
    for (guint i = 0; labels[i]; i += 2) {
        g_string_append_printf(metric->samples, "%c%s=\"", i ? ',' : '{', labels[i]);
        append_value(metric->samples, labels[i + 1]);
        g_string_append_c(metric->samples, '"');
    }
    g_string_append_printf(metric->samples, "%s %" G_GUINT64_FORMAT "\n", labels[0] ? "}" : "",
                           value);
}

void
rl_metric_print(RlMetric *metric)
{
    if (!metric->samples)
        return;
    printf("# HELP %s %s\n# TYPE %s gauge\n%s", metric->name, metric->help, metric->name,
           metric->samples->str);
    g_string_free(metric->samples, TRUE);
    metric->samples = NULL;
}
