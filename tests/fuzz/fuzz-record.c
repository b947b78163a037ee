/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of volumes: what is written of what was read reads the same. */
#include "fuzz.h"

#include <string.h>

#include "xml/volume-record.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    g_autoptr(RlRecord) record = rl_xml_record_parse((const char *) data, size, "record", &error);

    check_outcome(!record, error);
    if (!record)
        return 0;
    g_assert_true((record->source != NULL) == (record->kind == RL_KIND_SNAPSHOT));
    g_assert_true(!record->source || record->source[0] != '\0');
    g_assert_cmpuint(record->capacity, <=, (uint64_t) RL_RECORD_CAPACITY_MAX);

    g_autofree char *text = rl_xml_record_format(record, "a/b");
    error = NULL;
    g_autoptr(RlRecord) back = rl_xml_record_parse(text, strlen(text), "record", &error);
    g_assert_no_error(error);
    g_assert_cmpint(back->kind, ==, record->kind);
    g_assert_cmpstr(back->source, ==, record->source);
    g_assert_cmpuint(back->capacity, ==, record->capacity);
    g_autofree char *again = rl_xml_record_format(back, "a/b");
    g_assert_cmpstr(again, ==, text);
    return 0;
}
