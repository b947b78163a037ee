/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's errors in libvirt's words. */
#include "module.h"

#include "virerror.h"

#include "common/base/error.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

static int
libvirt_code(const GError *error)
{
    if (error->domain != RL_ERROR)
        return VIR_ERR_SYSTEM_ERROR;
    switch ((RlErrorCode) error->code) {
    case RL_ERROR_NAME:
    case RL_ERROR_INVALID:
        return VIR_ERR_INVALID_ARG;
    case RL_ERROR_XML:
        return VIR_ERR_XML_ERROR;
    case RL_ERROR_EXISTS:
        return VIR_ERR_STORAGE_VOL_EXIST;
    case RL_ERROR_NOT_FOUND:
        return VIR_ERR_NO_STORAGE_VOL;
    case RL_ERROR_BUSY:
        return VIR_ERR_RESOURCE_BUSY;
    case RL_ERROR_STATE:
    case RL_ERROR_NOT_BUILT:
    case RL_ERROR_UNTRUSTED:
        return VIR_ERR_OPERATION_INVALID;
    case RL_ERROR_UNSUPPORTED:
        return VIR_ERR_OPERATION_UNSUPPORTED;
    }
    return VIR_ERR_INTERNAL_ERROR;
}

int
rl_report(GError *error)
{
    virReportError(libvirt_code(error), "%s", error->message);
    g_error_free(error);
    return -1;
}

int
rl_report_about(GError *error, const char *name)
{
    rl_error_about(&error, "volume", name);
    return rl_report(error);
}
