# SPDX-License-Identifier: LGPL-2.1-or-later
# What the module is built against: libvirt's internal headers, and the build-ids of the installed
# libraries, which the module is good for.
#
# The headers are those of the installed version's source where that is to be had, else ours
# (backend/declared), for the versions that these know.
#
# Sets LIBVIRT_INCLUDES, LIBVIRT_NUMBER, LIBVIRT_LAYOUT (of the headers), LIBVIRT_SOURCE (empty for ours), LIBVIRT_STOCK_DIR,
# LIBVIRT_BUILD_ID, STORAGE_DRIVER_BUILD_ID.

set(LIBVIRT_SOURCE_DIR "" CACHE PATH
    "libvirt's source tree of the installed version; empty: fetch it with apt-get")
set(LIBVIRT_HEADERS "auto" CACHE STRING
    "source: libvirt's own; declared: ours, without libvirt's source; auto: ours if there is no source")
set_property(CACHE LIBVIRT_HEADERS PROPERTY STRINGS auto source declared)
set(LIBVIRT_DECLARED_AS "" CACHE STRING
    "a version that backend/declared knows, to try its layout with one that it does not")
set(DECLARED_VERSIONS 9.0.0 11.3.0 12.8.0 12.9.0)

# The path of the tree; empty where there is none, with the reason printed.
function(find_libvirt_source variable)
  if(LIBVIRT_SOURCE_DIR)
    set(${variable} ${LIBVIRT_SOURCE_DIR} PARENT_SCOPE)
    return()
  endif()
  # Only prints the path where the tree is in the cache already.
  execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/packaging/fetch-libvirt-source
    OUTPUT_VARIABLE tree OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE failed)
  if(failed)
    set(tree)
  endif()
  set(${variable} ${tree} PARENT_SCOPE)
endfunction()

function(require_libvirt_source tree)
  if(NOT EXISTS ${tree}/src/storage/storage_backend.h OR NOT EXISTS ${tree}/meson.build)
    message(FATAL_ERROR "${tree} is not a libvirt source tree "
      "(no src/storage/storage_backend.h in it). Set -DLIBVIRT_SOURCE_DIR= to one of libvirt ${LIBVIRT_VERSION}.")
  endif()
  file(STRINGS ${tree}/meson.build version_line REGEX "^  version: '[0-9.]+'" LIMIT_COUNT 1)
  string(REGEX MATCH "[0-9]+[0-9.]*" version "${version_line}")
  if(NOT version STREQUAL LIBVIRT_VERSION)
    message(FATAL_ERROR "${tree} is libvirt ${version}, but libvirt "
      "${LIBVIRT_VERSION} is installed. The module needs the headers of exactly that version: "
      "set -DLIBVIRT_SOURCE_DIR= to its source, or to nothing to have it fetched.")
  endif()
endfunction()

set(declared_as ${LIBVIRT_VERSION})
if(LIBVIRT_DECLARED_AS)
  set(declared_as ${LIBVIRT_DECLARED_AS})
endif()
set(LIBVIRT_SOURCE)
if(NOT LIBVIRT_HEADERS STREQUAL "declared" AND NOT LIBVIRT_DECLARED_AS)
  find_libvirt_source(LIBVIRT_SOURCE)
endif()
if(LIBVIRT_SOURCE)
  require_libvirt_source(${LIBVIRT_SOURCE})
  set(LIBVIRT_INCLUDES ${LIBVIRT_SOURCE}/src ${LIBVIRT_SOURCE}/src/util ${LIBVIRT_SOURCE}/src/conf
    ${LIBVIRT_SOURCE}/src/storage ${LIBVIRT_SOURCE}/include)
  message(STATUS "libvirt ${LIBVIRT_VERSION}, headers from ${LIBVIRT_SOURCE}")
elseif(NOT LIBVIRT_HEADERS STREQUAL "source" AND declared_as IN_LIST DECLARED_VERSIONS)
  set(LIBVIRT_INCLUDES ${CMAKE_SOURCE_DIR}/backend/declared)
  message(STATUS "libvirt ${LIBVIRT_VERSION}, headers declared in backend/declared (as of ${declared_as})")
else()
  list(JOIN DECLARED_VERSIONS ", " known)
  message(FATAL_ERROR
    "There are no headers for libvirt ${LIBVIRT_VERSION}, which is installed: its source could not be fetched, "
    "and backend/declared knows ${known}. The module is built against libvirt's internal headers. "
    "Get libvirt's source of exactly the installed version, unpack it, and point at it: "
    "-DLIBVIRT_SOURCE_DIR=/path/to/libvirt-${LIBVIRT_VERSION}. "
    "Or try a layout that is known: -DLIBVIRT_DECLARED_AS=12.9.0; a module that does not fit is not loaded.")
endif()
# 9.0.0 is 9000000.
function(read_version_number variable version)
  string(REGEX MATCH "^([0-9]+)[.]([0-9]+)[.]([0-9]+)" matched ${version})
  math(EXPR number "${CMAKE_MATCH_1} * 1000000 + ${CMAKE_MATCH_2} * 1000 + ${CMAKE_MATCH_3}")
  set(${variable} ${number} PARENT_SCOPE)
endfunction()
read_version_number(LIBVIRT_LAYOUT ${declared_as})
read_version_number(LIBVIRT_NUMBER ${LIBVIRT_VERSION})

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
