# Finds ONNX Runtime's headers and library from any package. (The config file of the release archive names folders that the
# archive does not contain, and the Python wheel contains a library without headers.)
#
# Hint, as a CMake or environment variable:
#   ONNXRUNTIME_ROOT   one folder, or several separated by ";", that hold include/ and lib/ in any of the layouts of the
#                      release archive, Debian, conda or vcpkg, or the wheel's own folder onnxruntime/capi for the library
# Result:
#   OnnxRuntime_FOUND, OnnxRuntime_VERSION (of the headers' API: 21 is 1.21), target OnnxRuntime::OnnxRuntime
# The library may be newer than the headers: its C API is versioned and keeps old versions.

set(_ort_roots ${ONNXRUNTIME_ROOT} $ENV{ONNXRUNTIME_ROOT} $ENV{CONDA_PREFIX})

find_path(OnnxRuntime_INCLUDE_DIR onnxruntime_cxx_api.h
  HINTS ${_ort_roots}
  PATH_SUFFIXES include include/onnxruntime include/onnxruntime/core/session onnxruntime/core/session usr/include/onnxruntime)

find_library(OnnxRuntime_LIBRARY NAMES onnxruntime
  HINTS ${_ort_roots}
  PATH_SUFFIXES lib lib64 capi . usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})

if(NOT OnnxRuntime_LIBRARY)
  # The wheel's file has the full version in its name, but its soname is libonnxruntime.so.1.
  foreach(_ort_root IN LISTS _ort_roots)
    file(GLOB _ort_wheel "${_ort_root}/libonnxruntime.so.1.*" "${_ort_root}/capi/libonnxruntime.so.1.*")
    if(_ort_wheel)
      list(GET _ort_wheel 0 _ort_wheel)
      set(_ort_links "${CMAKE_BINARY_DIR}/onnxruntime-wheel")
      file(MAKE_DIRECTORY "${_ort_links}")
      file(CREATE_LINK "${_ort_wheel}" "${_ort_links}/libonnxruntime.so.1" SYMBOLIC)
      file(CREATE_LINK libonnxruntime.so.1 "${_ort_links}/libonnxruntime.so" SYMBOLIC)
      set(OnnxRuntime_LIBRARY "${_ort_links}/libonnxruntime.so" CACHE FILEPATH "ONNX Runtime's library" FORCE)
      break()
    endif()
  endforeach()
endif()

if(OnnxRuntime_INCLUDE_DIR AND EXISTS "${OnnxRuntime_INCLUDE_DIR}/onnxruntime_c_api.h")
  file(STRINGS "${OnnxRuntime_INCLUDE_DIR}/onnxruntime_c_api.h" _ort_line REGEX "^#define ORT_API_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+$" OnnxRuntime_VERSION "${_ort_line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime
  REQUIRED_VARS OnnxRuntime_LIBRARY OnnxRuntime_INCLUDE_DIR
  VERSION_VAR OnnxRuntime_VERSION
  REASON_FAILURE_MESSAGE
  "Install libonnxruntime-dev (Debian 13 and later), or unpack a release of ONNX Runtime and pass -DONNXRUNTIME_ROOT=FOLDER.")

if(OnnxRuntime_FOUND AND NOT TARGET OnnxRuntime::OnnxRuntime)
  add_library(OnnxRuntime::OnnxRuntime UNKNOWN IMPORTED)
  set_target_properties(OnnxRuntime::OnnxRuntime PROPERTIES
    IMPORTED_LOCATION "${OnnxRuntime_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${OnnxRuntime_INCLUDE_DIR}")
endif()
mark_as_advanced(OnnxRuntime_INCLUDE_DIR OnnxRuntime_LIBRARY)
