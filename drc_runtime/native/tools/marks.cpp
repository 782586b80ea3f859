#include "marks.hpp"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "errors.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

// with the NUL bytes inside
const std::string png_begin("\x89PNG\r\n\x1a\n", 8), png_end("\0\0\0\0IEND\xae\x42\x60\x82", 12), word("written by drc");

std::string big_endian(std::uint32_t value) {
    std::string bytes(4, '\0');
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
    return bytes;
}

// An empty box (ISO BMFF) or chunk (RIFF) at the end of a video; empty for other formats.
std::string trailer(const fs::path &path) {
    const std::string suffix = path.extension().string();
    if (suffix == ".mp4") return big_endian(static_cast<std::uint32_t>(8 + word.size())) + "free" + word;
    if (suffix == ".avi") return std::string("JUNK") + static_cast<char>(word.size()) + std::string(3, '\0') + word;
    return {};
}

std::uint32_t crc32(const std::string &data) {
    std::uint32_t remainder = ~0u;
    for (const char byte : data) {
        remainder ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? 0xEDB88320u : 0u);
    }
    return ~remainder;
}

std::string sha256(const std::string &data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) throw Error("SHA-256 is not available");
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += {"0123456789abcdef"[digest[i] >> 4], "0123456789abcdef"[digest[i] & 15]};
    return text;
}

// A tEXt chunk with the hash of what stands before it.
std::string png_mark(const std::string &body) {
    const std::string content = std::string("tEXtSoftware\0drc ", 17) + sha256(body);
    return big_endian(static_cast<std::uint32_t>(content.size() - 4)) + content + big_endian(crc32(content));
}

std::string read(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    std::string data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) throw Error("cannot read " + path.string() + ": " + std::strerror(errno) + "; choose another place");
    return data;
}

bool ends_with(const std::string &data, const std::string &end) {
    return data.size() >= end.size() && data.compare(data.size() - end.size(), end.size(), end) == 0;
}

bool is_marked(const fs::path &path) {
    if (path.extension() == ".png") {
        const std::string data = read(path);
        const std::size_t length = png_mark("").size() + png_end.size();
        if (data.size() < length || data.compare(0, png_begin.size(), png_begin) != 0) return false;
        return ends_with(data, png_mark(data.substr(0, data.size() - length)) + png_end);
    }
    const std::string expected = trailer(path);
    if (expected.empty() || fs::file_size(path) < expected.size()) return false;
    std::ifstream file(path, std::ios::binary);
    file.seekg(-static_cast<std::streamoff>(expected.size()), std::ios::end);
    std::string found(expected.size(), '\0');
    return file.read(found.data(), static_cast<std::streamsize>(found.size())) && found == expected;
}

}  // namespace

void mark(const fs::path &path) {
    std::string added = trailer(path);
    std::streamoff from_end = 0;
    if (path.extension() == ".png") {
        const std::string data = read(path);
        if (!ends_with(data, png_end)) return;
        added = png_mark(data.substr(0, data.size() - png_end.size())) + png_end;
        from_end = -static_cast<std::streamoff>(png_end.size());
    }
    if (added.empty()) return;
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(from_end, std::ios::end);
    file.write(added.data(), static_cast<std::streamsize>(added.size()));
    file.close();
    if (!file) throw Error("cannot write " + path.string() + "; is the disk full?");
}

bool is_replaceable(const fs::path &path) {
    const fs::file_status status = fs::symlink_status(path);
    if (status.type() != fs::file_type::regular) return false;
    return fs::file_size(path) == 0 || is_marked(path);
}

}  // namespace live
