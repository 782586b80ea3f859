#include "images.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include <opencv2/imgcodecs.hpp>

#include "errors.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char *, 9> suffixes{".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"};
constexpr std::uint64_t deflate_limit = 1032;  // the largest compression ratio of deflate

bool is_digit(char character) { return std::isdigit(static_cast<unsigned char>(character)) != 0; }

// Natural order: runs of digits compare by value and come before other characters.
bool natural_less(const std::string &one, const std::string &other) {
    std::size_t i = 0, k = 0;
    while (i < one.size() && k < other.size()) {
        if (is_digit(one[i]) != is_digit(other[k])) return is_digit(one[i]);
        std::size_t end = i, stop = k;
        const bool digits = is_digit(one[i]);
        while (end < one.size() && is_digit(one[end]) == digits) ++end;
        while (stop < other.size() && is_digit(other[stop]) == digits) ++stop;
        std::string a = one.substr(i, end - i), b = other.substr(k, stop - k);
        if (digits) {
            const std::string x = a.substr(std::min(a.find_first_not_of('0'), a.size()));
            const std::string y = b.substr(std::min(b.find_first_not_of('0'), b.size()));
            if (x.size() != y.size()) return x.size() < y.size();
            if (x != y) return x < y;
        }
        if (a != b) return a < b;
        i = end;
        k = stop;
    }
    return one.size() - i < other.size() - k;
}

std::uint32_t big_endian(std::string_view data, std::size_t position, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
        value = value << 8 | (position + i < data.size() ? static_cast<unsigned char>(data[position + i]) : 0u);
    return value;
}

// Position of a JPEG's scan data; a thumbnail before it has its own end marker.
std::size_t start_of_scan(std::string_view data) {
    std::size_t position = 2;
    while (position + 4 <= data.size() && data[position] == '\xff' && data[position + 1] != '\xda')
        position += data[position + 1] == '\xff' ? 1 : 2 + big_endian(data, position + 2, 2);
    return position;
}

// Whether the chunks reach IEND, and the data can contain the pixels that the header declares: OpenCV allocates gigabytes for a
// damaged length or header.
bool png_is_whole(std::string_view data) {
    const std::uint64_t width = big_endian(data, 16, 4), height = big_endian(data, 20, 4), depth = big_endian(data, 24, 1);
    std::uint64_t position = 8;
    while (position + 8 <= data.size() && data.substr(position + 4, 4) != "IEND")
        position += 12 + std::uint64_t{big_endian(data, position, 4)};
    if (position + 12 > data.size()) return false;
    // without the product, which overflows for a hostile header
    return width == 0 || height == 0 || height <= 8 * data.size() * deflate_limit / width / std::max<std::uint64_t>(1, depth);
}

// Looks for the end of the file, because older OpenCV fills the missing part of a truncated file with grey and reports success.
bool is_whole(std::string_view data) {
    if (data.substr(0, 3) == "\xff\xd8\xff") return data.find("\xff\xd9", start_of_scan(data)) != std::string_view::npos;
    if (data.substr(0, 8) == "\x89PNG\r\n\x1a\n") return png_is_whole(data);
    return true;
}

}  // namespace

bool is_image_name(const fs::path &path) {
    std::string suffix = path.extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::find(suffixes.begin(), suffixes.end(), suffix) != suffixes.end();
}

std::vector<fs::path> list_images(const fs::path &folder) {
    std::error_code error;
    std::vector<fs::path> found;
    for (fs::directory_iterator item(folder, error), end; !error && item != end; item.increment(error))
        if (item->path().filename().string()[0] != '.' && is_image_name(item->path()) && item->is_regular_file(error))
            found.push_back(item->path());
    if (error) throw Error("cannot read " + folder.string() + ": " + error.message());
    if (found.empty()) throw Error("no images in " + folder.string() + ": expected files such as .jpg or .png");
    std::sort(found.begin(), found.end(), [](const fs::path &one, const fs::path &other) {
        return natural_less(one.filename().string(), other.filename().string());
    });
    return found;
}

cv::Mat read_image(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    const std::string data{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad()) throw Error("cannot read " + path.string() + "; check that it is there and may be read");
    if (!is_whole(data)) throw Error(path.string() + " is cut short; copy or download it again");
    cv::Mat image;
    try {
        if (!data.empty())
            image = cv::imdecode(cv::Mat(1, static_cast<int>(data.size()), CV_8U, const_cast<char *>(data.data())), cv::IMREAD_COLOR);
    } catch (const cv::Exception &) {
        image.release();
    }
    if (image.empty()) throw Error(path.string() + " is not an image that can be read");
    return image;
}

}  // namespace live
