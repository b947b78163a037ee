/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "prometheus.h"

#include <stdio.h>

typedef struct {
    GStrv labels; /* names and values in turn */
    guint64 value;
} Sample;

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

static void
sample_free(void *data)
{
    Sample *sample = data;

    g_strfreev(sample->labels);
    g_free(sample);
}

void
rl_metric_add(RlMetric *metric, const char *const *labels, guint64 value)
{
    Sample *sample = g_new0(Sample, 1);

    sample->labels = g_strdupv((char **) labels);
    sample->value = value;
    if (!metric->samples)
        metric->samples = g_ptr_array_new_with_free_func(sample_free);
    g_ptr_array_add(metric->samples, sample);
}

static void
append_sample(GString *out, const char *name, const Sample *sample)
{
    g_string_append(out, name);
    for (guint i = 0; sample->labels[i]; i += 2) {
        g_string_append_printf(out, "%c%s=\"", i ? ',' : '{', sample->labels[i]);
        append_value(out, sample->labels[i + 1]);
        g_string_append_c(out, '"');
    }
    g_string_append_printf(out, "%s %" G_GUINT64_FORMAT "\n", sample->labels[0] ? "}" : "",
                           sample->value);
}

void
rl_metric_print(RlMetric *metric)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!metric->samples)
        return;
    for (guint i = 0; i < metric->samples->len; i++)
        append_sample(text, metric->name, g_ptr_array_index(metric->samples, i));
    printf("# HELP %s %s\n# TYPE %s gauge\n%s", metric->name, metric->help, metric->name,
           text->str);
    g_clear_pointer(&metric->samples, g_ptr_array_unref);
}

static void
write_sample(RlJson *json, const Sample *sample)
{
    rl_json_begin_object(json, NULL);
    rl_json_begin_object(json, "labels");
    for (guint i = 0; sample->labels[i]; i += 2)
        rl_json_string(json, sample->labels[i], sample->labels[i + 1]);
    rl_json_end(json);
    rl_json_number(json, "value", sample->value);
    rl_json_end(json);
}

void
rl_metric_json(RlMetric *metric, RlJson *json)
{
    if (!metric->samples)
        return;
    rl_json_begin_object(json, NULL);
    rl_json_string(json, "name", metric->name);
    rl_json_string(json, "help", metric->help);
    rl_json_begin_array(json, "samples");
    for (guint i = 0; i < metric->samples->len; i++)
        write_sample(json, g_ptr_array_index(metric->samples, i));
    rl_json_end(json);
    rl_json_end(json);
    g_clear_pointer(&metric->samples, g_ptr_array_unref);
}
