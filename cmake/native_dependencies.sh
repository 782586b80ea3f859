#!/bin/sh
# Installs the dependencies of the native runtime, and prints the folders for ONNXRUNTIME_ROOT.
#   cmake/native_dependencies.sh FOLDER WHEEL [PACKAGE...]
# FOLDER is for ONNX Runtime's headers where the system has no package of them. WHEEL is the folder of the Python package
# onnxruntime, whose library is then used. PACKAGEs are needed as well. Missing Debian packages are listed on stderr; as root
# they are installed after that. Headers from a later release of Debian are only unpacked into FOLDER, not installed.
set -eu
folder=$1
wheel=$2
shift 2
packages="g++ cmake make pkg-config libopencv-dev nlohmann-json3-dev libssl-dev $*"
headers_release=trixie # the first Debian that has ONNX Runtime

say() { echo "$*" >&2; }

is_installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

missing=
if command -v dpkg-query >/dev/null; then
    for package in $packages; do
        is_installed "$package" || missing="$missing $package"
    done
elif ! command -v cmake >/dev/null; then
    missing=" a C++17 compiler, CMake 3.25, OpenCV, nlohmann-json and OpenSSL, each with its headers"
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "the native runtime needs packages that this machine lacks; run: sudo apt-get install$missing"
        exit 1
    fi
    say "installing the missing Debian packages:$missing"
    apt-get update -qq >&2
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >&2
fi

if [ -n "${ONNXRUNTIME_ROOT:-}" ]; then
    echo "$ONNXRUNTIME_ROOT"
    exit 0
fi
if [ -e /usr/include/onnxruntime/onnxruntime_cxx_api.h ]; then
    exit 0 # the system's package, which CMake finds
fi
if [ ! -d "$wheel/capi" ]; then
    say "no ONNX Runtime: neither libonnxruntime-dev nor the Python package at $wheel; unpack a release of it and set ONNXRUNTIME_ROOT"
    exit 1
fi
if [ ! -e "$folder/usr/include/onnxruntime/onnxruntime_cxx_api.h" ]; then
    codename=$(. /etc/os-release && echo "${ID:-}:${VERSION_CODENAME:-}")
    if [ "${codename%%:*}" != debian ] || ! command -v apt-get >/dev/null; then
        say "ONNX Runtime's C++ headers are missing; unpack a release of ONNX Runtime and set ONNXRUNTIME_ROOT to its folder"
        exit 1
    fi
    say "unpacking the headers of ONNX Runtime (libonnxruntime-dev of Debian $headers_release) into $folder; nothing is installed"
    rm -rf "$folder"
    mkdir -p "$folder/sources" "$folder/lists/partial" "$folder/archives/partial"
    # The machine's own mirror, with the release that has the package
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        if [ -e "$list" ]; then
            sed "s/${codename#*:}/$headers_release/g" "$list" >"$folder/sources/$(basename "$list" | sed 's/^sources.list$/main.list/')"
        fi
    done
    cd "$folder"
    set -- -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$PWD/sources" -o "Dir::State::lists=$PWD/lists" \
        -o "Dir::Cache=$PWD" -o APT::Sandbox::User="$(id -un)"
    apt-get "$@" update >&2
    apt-get "$@" download "libonnxruntime-dev/$headers_release" >&2
    dpkg -x libonnxruntime-dev_*.deb .
    rm -rf sources lists archives libonnxruntime-dev_*.deb ./*.bin
fi
echo "$folder/usr;$wheel"
