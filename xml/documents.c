/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "documents.h"

#include "definitions.h"
#include "pool-options.h"
#include "volume-record.h"

/* A marker is a document of its own. */
static char *
format_marker(const RlOptions *options)
{
    return rl_xml_options_format(options, true);
}

static const RlDocuments documents = {
    .options_parse = rl_xml_options_parse,
    .options_format = format_marker,
    .record_parse = rl_xml_record_parse,
    .record_format = rl_xml_record_format,
    .find_domain = rl_xml_definitions_find,
    .find_running = rl_xml_definitions_name_running,
    .find_running_overlay = rl_xml_definitions_name_running_overlay,
    .find_doubt = rl_xml_definitions_doubt,
    .has_let_go = rl_xml_definitions_has_let_go,
    .defined_us = rl_xml_definitions_date,
};

const RlDocuments *
rl_xml_documents(void)
{
    return &documents;
}
