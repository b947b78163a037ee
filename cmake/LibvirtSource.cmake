# SPDX-License-Identifier: LGPL-2.1-or-later
# What the module is built against: the source tree of the installed libvirt (its internal
# headers), and the build-ids of the installed libraries, which the module is good for.
#
# Sets LIBVIRT_SOURCE, LIBVIRT_STOCK_DIR, LIBVIRT_BUILD_ID, STORAGE_DRIVER_BUILD_ID.

set(LIBVIRT_SOURCE_DIR "" CACHE PATH
    "libvirt's source tree of the installed version; empty: fetch it with apt-get")

if(LIBVIRT_SOURCE_DIR)
  set(LIBVIRT_SOURCE ${LIBVIRT_SOURCE_DIR})
else()
  # Only prints the path where the tree is in the cache already.
  execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/packaging/fetch-libvirt-source
    OUTPUT_VARIABLE LIBVIRT_SOURCE OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR
      "The source of libvirt ${LIBVIRT_VERSION} could not be fetched; the reason is above. "
      "The module is built against libvirt's internal headers. Get libvirt's source of exactly "
      "the installed version, unpack it, and point at it: -DLIBVIRT_SOURCE_DIR=/path/to/libvirt-${LIBVIRT_VERSION}")
  endif()
endif()

if(NOT EXISTS ${LIBVIRT_SOURCE}/src/storage/storage_backend.h
   OR NOT EXISTS ${LIBVIRT_SOURCE}/meson.build)
  message(FATAL_ERROR "${LIBVIRT_SOURCE} is not a libvirt source tree "
    "(no src/storage/storage_backend.h in it). Set -DLIBVIRT_SOURCE_DIR= to one of libvirt ${LIBVIRT_VERSION}.")
endif()

file(STRINGS ${LIBVIRT_SOURCE}/meson.build version_line REGEX "^  version: '[0-9.]+'" LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+[0-9.]*" LIBVIRT_SOURCE_VERSION "${version_line}")
if(NOT LIBVIRT_SOURCE_VERSION STREQUAL LIBVIRT_VERSION)
  message(FATAL_ERROR "${LIBVIRT_SOURCE} is libvirt ${LIBVIRT_SOURCE_VERSION}, but libvirt "
    "${LIBVIRT_VERSION} is installed. The module needs the headers of exactly that version: "
    "set -DLIBVIRT_SOURCE_DIR= to its source, or to nothing to have it fetched.")
endif()
message(STATUS "libvirt ${LIBVIRT_VERSION}, headers from ${LIBVIRT_SOURCE}")

set(LIBVIRT_STOCK_DIR ${LIBVIRT_LIBDIR}/libvirt)
find_program(READELF readelf REQUIRED)

# A distribution may patch libvirt's private structures within a version: the build-ids say for
# which build the module was made. An upgrade makes CMake run again.
function(read_build_id variable file)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "${file} is not there: is libvirt's daemon with its storage driver installed?")
  endif()
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  execute_process(
    COMMAND ${READELF} --notes ${file}
    OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
  if(NOT notes MATCHES "Build ID: ([0-9a-f]+)")
    message(FATAL_ERROR "${file} has no build-id")
  endif()
  set(${variable} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

read_build_id(LIBVIRT_BUILD_ID ${LIBVIRT_LIBDIR}/libvirt.so.0)
read_build_id(STORAGE_DRIVER_BUILD_ID ${LIBVIRT_STOCK_DIR}/connection-driver/libvirt_driver_storage.so)
