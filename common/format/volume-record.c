/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-record.h"

RlRecord *
rl_record_new(RlKind kind, const char *source, uint64_t capacity)
{
    RlRecord *record = g_new0(RlRecord, 1);

    record->kind = kind;
    record->source = g_strdup(source);
    record->capacity = capacity;
    record->access = (RlAccess) RL_ACCESS_DEFAULT;
    return record;
}

void
rl_record_free(RlRecord *record)
{
    if (!record)
        return;
    g_free(record->source);
    g_free(record);
}
