/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics: whatever a name is, it stays in its label. */
#include "backend/command/prometheus.h"

#include "harness/lab.h"

static void
test_labels(void)
{
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stdout("*# TYPE m gauge\n"
                                  "m 0\n"
                                  "m{a=\"x\",b=\"\"} 18446744073709551615\n"
                                  "m{a=\"\\\"} 1\\nm{a=\\\"\\\\\"} 1\n"
                                  "m{a=\"\xef\xbf\xbd\xef\xbf\xbd\"} 2\n");
        return;
    }
    RlMetric metric = {"m", "Help.", NULL};

    rl_metric_add(&metric, (const char *[]){NULL}, 0);
    rl_metric_add(&metric, (const char *[]){"a", "x", "b", "", NULL}, G_MAXUINT64);
    rl_metric_add(&metric, (const char *[]){"a", "\"} 1\nm{a=\"\\", NULL}, 1);
    rl_metric_add(&metric, (const char *[]){"a", "\xff\xc3", NULL}, 2);
    rl_metric_print(&metric);
    g_assert_null(metric.samples);
}

void
add_tests(void)
{
    g_test_add_func("/metrics/labels", test_labels);
}
