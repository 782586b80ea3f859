// A video file: every frame, none made up, and what could not be decoded is said.
#include <cctype>
#include <cstdint>
#include <fstream>

#include <opencv2/videoio.hpp>

#include "problem.hpp"
#include "source.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

// OpenCV reports a frame that it cannot decode just as it does the end of the file; asked again, it goes on behind it.
constexpr int misses_at_the_end = 250;

std::uint64_t integer(const std::string &data, std::size_t position, int bytes, bool little) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i)
        value = value << 8 | static_cast<unsigned char>(data[position + static_cast<std::size_t>(little ? bytes - 1 - i : i)]);
    return value;
}

// Whether the last of the file's top-level boxes (MP4, MOV) or chunks (AVI) runs past its end: OpenCV decodes such a
// file as far as it goes and calls that the end. What recorders append after the last one is let be.
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
        if (foreign || length < 8) return false;  // a length of 0 means: up to the end of the file
        if (length > size + 8 - position) return true;  // some writers count a header too much
        position += length;
    }
    return false;
}

class Video : public Source {
public:
    explicit Video(const fs::path &path) : path_(path) {
        if (fs::file_size(path) == 0) throw Problem(path.string() + " is empty; copy or download it again");
        cut_short_ = is_cut_short(path);
        // Left to choose for itself, OpenCV reads "frame01.mp4" as the first of numbered images.
        capture_.open(fs::absolute(path).string(), cv::CAP_FFMPEG);
        if (!capture_.isOpened() || !read())
            throw Problem(path.string() + " is not a video that can be read; convert it, for example with ffmpeg -i IN OUT.mp4");
        rate = sensible_rate(capture_.get(cv::CAP_PROP_FPS));
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
    // Leaves the next frame in image_ and its position in index_.
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

std::unique_ptr<Source> open_video(const fs::path &path) { return std::make_unique<Video>(path); }

}  // namespace live
