#include "sources/files.hpp"

#include <cctype>
#include <cstdint>
#include <fstream>
#include <map>
#include <utility>

#include <opencv2/videoio.hpp>

#include "errors.hpp"
#include "images.hpp"
#include "sources/decoder.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

class ImageSource : public Source {
public:
    explicit ImageSource(const fs::path &path) : single_(!fs::is_directory(path)) {
        paths.push_back(path);
        if (single_) {
            images_ = {path};
            first_ = read_image(path);
            return;
        }
        images_ = list_images(path);
        std::map<std::string, fs::path> by_stem;
        for (const fs::path &image : images_) {
            const auto [twin, added] = by_stem.emplace(image.stem().string(), image);
            if (!added)
                throw Error(twin->second.filename().string() + " and " + image.filename().string() + " in " +
                              path.string() + " would share one result; rename one of them");
            paths.push_back(image);
        }
    }

    bool next(Frame &frame) override {
        while (position_ < images_.size()) {
            const fs::path &path = images_[position_++];
            try {
                frame.image = single_ ? first_ : read_image(path);
                frame.name = path.stem().string();
                return true;
            } catch (const Error &error) {
                failures.emplace_back(error.what());
            }
        }
        return false;
    }

private:
    bool single_;
    cv::Mat first_;
    std::vector<fs::path> images_;
    std::size_t position_ = 0;
};

// OpenCV reports a frame that it cannot decode in the same way as the end of the file. When read again, it continues after
// that frame; this many failures in a row are the end.
constexpr int misses_at_the_end = 250;

std::uint64_t integer(const std::string &data, std::size_t position, int bytes, bool little) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i)
        value = value << 8 | static_cast<unsigned char>(data[position + static_cast<std::size_t>(little ? bytes - 1 - i : i)]);
    return value;
}

// Whether the last of the file's top-level boxes (MP4, MOV) or chunks (AVI) runs past the end of the file. OpenCV decodes such
// a file up to there and reports no error. Data that recorders append after the last box or chunk are ignored.
bool is_cut_short(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    const std::uint64_t size = fs::file_size(path);
    const auto read = [&](std::uint64_t position) {
        std::string head(16, '\0');
        file.clear();
        file.seekg(static_cast<std::streamoff>(position));
        file.read(head.data(), 16);
        return head;
    };
    const std::string start = read(0);
    const bool riff = start.compare(0, 4, "RIFF") == 0;
    if (!riff && start.compare(4, 4, "ftyp") != 0) return false;
    std::uint64_t position = 0;
    while (position + 8 <= size) {
        const std::string head = read(position);
        std::uint64_t length = riff ? 8 + integer(head, 4, 4, true) : integer(head, 0, 4, false);
        if (!riff && length == 1) length = integer(head, 8, 8, false);
        bool foreign = riff && head.compare(0, 4, "RIFF") != 0;
        for (std::size_t i = 4; !riff && i < 8; ++i) foreign = foreign || std::isalnum(static_cast<unsigned char>(head[i])) == 0;
        if (foreign || length < 8) return false;  // a length of 0 reaches to the end of the file
        if (length > size + 8 - position) return true;  // some writers count one header too many
        position += length;
    }
    return false;
}

class VideoSource : public Source {
public:
    explicit VideoSource(const fs::path &path) : path_(path) {
        if (fs::file_size(path) == 0) throw Error(path.string() + " is empty; copy or download it again");
        cut_short_ = is_cut_short(path);
        // Without a backend, OpenCV takes "frame01.mp4" for the first of numbered images.
        capture_.open(fs::absolute(path).string(), cv::CAP_FFMPEG);
        if (!capture_.isOpened() || !read())
            throw Error(path.string() + " is not a video that can be read; convert it, for example with ffmpeg -i IN OUT.mp4");
        rate = plausible_rate(capture_.get(cv::CAP_PROP_FPS));
        paths.push_back(path);
    }

    bool next(Frame &frame) override {
        if (!waiting_ && !read()) {
            if (cut_short_)
                failures.push_back(path_.string() + " is cut short: it ends after " + std::to_string(expected_) + " frames");
            return false;
        }
        waiting_ = false;
        if (index_ > expected_)
            failures.push_back(path_.string() + " is damaged: " + std::to_string(index_ - expected_) + " frame(s) from " +
                               std::to_string(expected_) + " on could not be decoded");
        frame.image = image_;
        frame.seconds = static_cast<double>(index_) / rate;
        frame.name = frame_name(index_);
        expected_ = ++index_;
        return true;
    }

private:
    // Reads the next frame into image_ and its position into index_.
    bool read() {
        int misses = 0;
        while (!capture_.read(image_)) {
            ++index_;
            if (++misses >= misses_at_the_end || !capture_.isOpened()) return false;
        }
        waiting_ = true;
        return true;
    }

    fs::path path_;
    cv::VideoCapture capture_;
    cv::Mat image_;
    long index_ = 0, expected_ = 0;
    bool waiting_ = false, cut_short_ = false;
};

}  // namespace

std::unique_ptr<Source> open_images(const fs::path &path) { return std::make_unique<ImageSource>(path); }

std::unique_ptr<Source> open_video(const fs::path &path) { return std::make_unique<VideoSource>(path); }

}  // namespace live
