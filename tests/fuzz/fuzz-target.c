/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a pool lies, from libvirt's file about it. */
#include "fuzz.h"

#include <string.h>

#include "xml/pool-target.h"
#include "xml/text.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    g_autofree char *path = rl_xml_target_path((const char *) data, size, "pool.xml", &error);

    check_outcome(!path, error);
    if (!path)
        return 0;
    g_assert_true(path[0] == '/');
    g_assert_true(g_utf8_validate(path, -1, NULL));

    g_autoptr(GString) text = g_string_new("<poolstate><pool><target><path>");
    rl_xml_append_escaped(text, path);
    g_string_append(text, "</path></target></pool></poolstate>");
    error = NULL;
    g_autofree char *back = rl_xml_target_path(text->str, text->len, "pool.xml", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(back, ==, path);
    return 0;
}
