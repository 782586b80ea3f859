#include "sinks/opencv_video.hpp"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "atomic.hpp"
#include "errors.hpp"
#include "views/compose.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

// The first frame sets the size, rounded up to even numbers because the codecs halve the colour's resolution. Later frames of
// another size are scaled to it.
class VideoSink : public Sink {
public:
    VideoSink(const fs::path &path, double rate, bool hold) : path_(path), rate_(rate), hold_(hold), file_(path) {}

    void write(const Frame &frame, const cv::Mat &probability) override {
        cv::Mat image = overlay(frame.image, probability);
        if (!writer_.isOpened()) open(image.size());
        const cv::Size missing = size_ - image.size();
        if (missing.width >= 0 && missing.width <= 1 && missing.height >= 0 && missing.height <= 1)
            cv::copyMakeBorder(image, image, 0, missing.height, 0, missing.width, cv::BORDER_REPLICATE);
        else
            cv::resize(image, image, size_, 0, 0, cv::INTER_AREA);
        const long due = hold_ ? std::max(1L, static_cast<long>(frame.seconds * rate_) + 1 - written_) : 1;
        for (long i = 0; i < due; ++i) writer_.write(image);
        written_ += due;
    }

    void close() override {
        if (!writer_.isOpened()) return;
        writer_.release();
        // OpenCV's writer does not report a full disk; but then the index at the end of the file is missing.
        const cv::VideoCapture written(file_.temporary().string(), cv::CAP_FFMPEG);
        if (!written.isOpened() || std::lround(written.get(cv::CAP_PROP_FRAME_COUNT)) != written_)
            throw Error(path_.string() + " could not be completed; is the disk full?");
        file_.commit();
    }

private:
    void open(cv::Size size) {
        // at least one macroblock
        size_ = cv::Size(std::max(16, size.width + size.width % 2), std::max(16, size.height + size.height % 2));
        const int codec = path_.extension() == ".mp4" ? cv::VideoWriter::fourcc('m', 'p', '4', 'v') : cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
        if (!writer_.open(file_.temporary().string(), codec, rate_, size_))
            throw Error("cannot write " + path_.string() + ": OpenCV has no encoder for it here");
    }

    fs::path path_;
    double rate_;
    bool hold_;
    AtomicFile file_;
    cv::VideoWriter writer_;
    cv::Size size_;
    long written_ = 0;
};

}  // namespace

bool is_video_name(const fs::path &path) { return path.extension() == ".mp4" || path.extension() == ".avi"; }

std::unique_ptr<Sink> open_video_sink(const fs::path &path, double rate, bool hold) {
    return std::make_unique<VideoSink>(path, rate, hold);
}

}  // namespace live
