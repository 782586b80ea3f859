// Cameras and network streams. Only the latest frame matters; earlier ones are dropped and counted.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <opencv2/videoio.hpp>

#include "problem.hpp"
#include "source.hpp"

namespace live {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int network_timeout_milliseconds = 10'000;

// A thread empties the decoder all the time and leaves the latest frame in one slot.
class Live : public Source {
public:
    Live(cv::VideoCapture capture, std::string name, const std::string &refusal)
        : capture_(std::move(capture)), name_(std::move(name)) {
        live = true;
        if (!capture_.isOpened() || !capture_.read(slot_)) throw Problem(refusal);
        filled_ = true;
        rate = sensible_rate(capture_.get(cv::CAP_PROP_FPS));
        reader_ = std::thread([this] { receive(); });
    }

    ~Live() override {
        closed_ = true;
        reader_.join();
    }

    bool next(Frame &frame) override {
        std::unique_lock lock(mutex_);
        // with a limit, so that Ctrl-C is noticed while a camera stalls
        if (!changed_.wait_for(lock, std::chrono::milliseconds(200), [this] { return filled_ || ended_; })) {
            frame.picture.release();
            return true;
        }
        if (!filled_) {
            failures.push_back(name_ + " stopped sending frames; check its cable or connection and start again");
            return false;
        }
        frame = {slot_.clone(), seconds_, frame_name(index_)};
        filled_ = false;
        return true;
    }

private:
    void receive() {
        const auto start = Clock::now();
        cv::Mat picture;
        long index = 0;
        bool reading = true;
        while (reading && !closed_) {
            reading = capture_.read(picture) && !picture.empty();
            const std::lock_guard lock(mutex_);
            if (reading) {
                if (filled_) ++dropped;
                cv::swap(slot_, picture);
                filled_ = true;
                index_ = ++index;
                seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
            } else {
                ended_ = true;
            }
            changed_.notify_one();
        }
    }

    cv::VideoCapture capture_;
    std::string name_;
    std::mutex mutex_;
    std::condition_variable changed_;
    cv::Mat slot_;
    double seconds_ = 0;
    long index_ = 0;
    bool filled_ = false, ended_ = false;
    std::atomic<bool> closed_{false};
    std::thread reader_;
};

}  // namespace

std::unique_ptr<Source> open_camera(int number) {
    cv::VideoCapture capture(number);
    capture.set(cv::CAP_PROP_BUFFERSIZE, 1);
    const std::string name = "camera " + std::to_string(number);
    return std::make_unique<Live>(std::move(capture), name,
                                  "no " + name + " can be opened; connect one or close the program that uses it");
}

std::unique_ptr<Source> open_stream(const std::string &address) {
    // A password does not belong into a message.
    std::string name = address;
    const auto host = name.find("//") + 2, at = name.find('@', host);
    if (at != std::string::npos && at < name.find('/', host)) name.erase(host, at + 1 - host);
    cv::VideoCapture capture(address, cv::CAP_FFMPEG,
                             {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, network_timeout_milliseconds,
                              cv::CAP_PROP_READ_TIMEOUT_MSEC, network_timeout_milliseconds});
    const double count = capture.isOpened() ? capture.get(cv::CAP_PROP_FRAME_COUNT) : 0;
    if (count >= 1 && count < 1e9) throw Problem(name + " is a recording, not a live stream; download it and run the file");
    return std::make_unique<Live>(std::move(capture), name,
                                  "no video comes from " + name + "; check the address and that this machine reaches it");
}

}  // namespace live
