# Toolchain for 64-bit ARM boards (Jetson, Raspberry Pi) on a Debian or Ubuntu machine; see docs/native.md.
#   cmake --preset aarch64 -DDRC_SYSROOT=FOLDER -DONNXRUNTIME_ROOT=FOLDER
# DRC_SYSROOT: a copy of the board's /usr and /lib, or packages of its release and architecture unpacked into one folder.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(DRC_SYSROOT "$ENV{DRC_SYSROOT}" CACHE PATH "The board's root file system, or the parts of it that are linked to")
if(NOT EXISTS "${DRC_SYSROOT}/usr/include")
  message(FATAL_ERROR "DRC_SYSROOT is '${DRC_SYSROOT}', which has no usr/include; see docs/native.md for how to make one")
endif()
# Not CMAKE_SYSROOT, which excludes the compiler's C library; unpacked packages may not contain one.
list(APPEND CMAKE_FIND_ROOT_PATH "${DRC_SYSROOT}" ${ONNXRUNTIME_ROOT})
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DRC_SYSROOT ONNXRUNTIME_ROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Where the linker finds the dependencies of the board's libraries.
set(_board_libraries "-Wl,-rpath-link,${DRC_SYSROOT}/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,${DRC_SYSROOT}/lib/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${_board_libraries}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "${_board_libraries}")
