# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What virt-reflink prints with --json, against its schema: to be sourced after lab.sh; needs python3 with jsonschema.

# document STATUS COMMAND ARGUMENT...: the command ends with that status, and its standard output has the
# document alone; that is kept for documents_fit, and $LAB/document is it.
document()
{
    local wanted=$1 status=0
    shift
    mkdir -p "$LAB/documents"
    tool "$1" --json "${@:2}" >"$LAB/document" 2>"$LAB/complaint" || status=$?
    keep_document "$1"
    [ "$status" = "$wanted" ] || die "$*: status $status: $(cat "$LAB/document")"
}

# keep_document COMMAND: $LAB/document is of that.
keep_document()
{
    mkdir -p "$LAB/documents"
    documents=$((${documents:-0} + 1))
    cp "$LAB/document" "$LAB/documents/$documents.$1"
}

# has EXPECTED EXPRESSION...: that is what Python prints for these of the last document. Its members are variables;
# "top" is the whole.
has()
{
    local expected=$1
    shift
    expect_exactly "$expected" python3 -c 'import json, sys
top = json.load(open(sys.argv[1]))
print(*[eval(one, {"top": top}, top) for one in sys.argv[2:]])' "$LAB/document" "$@"
}

# documents_fit: all that were kept are as the schema says, without a member that it does not know.
documents_fit()
{
    /usr/bin/python3 "$SOURCE_DIR/tests/lib/check-documents" "$SOURCE_DIR/docs/virt-reflink.schema.json" "$LAB"/documents/*
}
