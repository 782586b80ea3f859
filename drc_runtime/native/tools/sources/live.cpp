#include "sources/live.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <opencv2/videoio.hpp>

#include "errors.hpp"
#include "pipeline/signals.hpp"
#include "sources/backoff.hpp"
#include "sources/decoder.hpp"
#include "sources/rate_meter.hpp"

namespace live {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int opening_milliseconds = 10'000;
constexpr int stall_milliseconds = 4'500;             // a stream that sends nothing for this time is lost
constexpr std::chrono::seconds stable{5};             // a connection that held for this time resets the backoff
constexpr std::chrono::milliseconds poll_period{200};  // how often a run checks for Ctrl-C while a camera stalls

// An open source and its first frame; a source that sends no frame is not open.
struct Connection {
    cv::VideoCapture capture;
    cv::Mat image;
};

using Connect = std::function<Connection()>;  // throws an Error

// A thread reads every frame from the decoder and keeps the latest one in a slot. When the decoder ends or stalls, the
// thread opens a new one after a wait that grows. No frames are made up in between.
class LiveSource : public Source {
public:
    LiveSource(std::string name, Connect connect) : name_(std::move(name)), connect_(std::move(connect)), connection_(connect_()) {
        live = true;
        rate = plausible_rate(connection_.capture.get(cv::CAP_PROP_FPS));
        reader_ = std::thread([this] { receive(); });
    }

    ~LiveSource() override {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        changed_.notify_all();
        reader_.join();
    }

    bool next(Frame &frame) override {
        std::unique_lock lock(mutex_);
        const bool arrived = changed_.wait_for(lock, poll_period, [this] { return filled_; });
        dropped = dropped_;
        reconnects = reconnects_;
        state = state_;
        if (!arrived) {
            frame.image.release();
            return true;
        }
        // Swapped, so that the caller's last frame becomes the memory for the next one.
        cv::swap(frame.image, slot_);
        frame.captured = captured_;
        frame.seconds = std::chrono::duration<double>(captured_ - start_).count();
        frame.name = frame_name(index_);
        filled_ = false;
        return true;
    }

    double measured_rate() override {
        std::unique_lock lock(mutex_);
        const auto limit = Clock::now() + RateMeter::patience;
        while (Clock::now() < limit && signal_received() == 0 && !meter_.rate(Clock::now())) changed_.wait_for(lock, poll_period);
        return meter_.rate(Clock::now()).value_or(rate);
    }

private:
    void receive() {
        Backoff backoff(std::random_device{}());
        while (!is_closed()) {
            const auto begun = Clock::now();
            drain();
            if (Clock::now() - begun > stable) backoff.reset();
            if (!is_closed()) reopen(backoff);
        }
    }

    void drain() {
        try {
            do {
                const std::lock_guard lock(mutex_);
                state_ = "live";
                dropped_ += filled_ ? 1 : 0;
                cv::swap(slot_, connection_.image);
                filled_ = true;
                index_ = count_++;
                captured_ = Clock::now();
                meter_.add(captured_);
                changed_.notify_all();
            } while (!is_closed() && connection_.capture.read(connection_.image) && !connection_.image.empty());
        } catch (const cv::Exception &) {  // of a damaged frame: the decoder's state is unknown, so it is opened again
        }
    }

    void reopen(Backoff &backoff) {
        connection_.capture.release();
        set_state("lost");
        say("is lost (stopped sending frames); trying to open it again");
        while (wait(backoff.next())) {
            set_state("connecting");
            try {
                connection_ = connect_();
            } catch (const Error &) {
                set_state("lost");
                continue;
            }
            {
                const std::lock_guard lock(mutex_);
                ++reconnects_;
            }
            say("is back");
            return;
        }
    }

    // False if the source was closed meanwhile.
    bool wait(double seconds) {
        std::unique_lock lock(mutex_);
        return !changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return closed_; });
    }

    void set_state(const char *now) {
        const std::lock_guard lock(mutex_);
        state_ = now;
    }

    bool is_closed() {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    void say(const char *what) const { std::fprintf(stderr, "drc-live: %s %s\n", name_.c_str(), what); }

    const std::string name_;
    const Connect connect_;
    Connection connection_;  // belongs to the reader thread once it runs
    const Clock::time_point start_ = Clock::now();
    std::mutex mutex_;  // guards everything below
    std::condition_variable changed_;
    cv::Mat slot_;
    Clock::time_point captured_;
    RateMeter meter_;
    long index_ = 0, count_ = 0, dropped_ = 0, reconnects_ = 0;
    std::string state_ = "connecting";
    bool filled_ = false, closed_ = false;
    std::thread reader_;
};

Connection first_frame(cv::VideoCapture capture, const std::string &refusal) {
    Connection connection{std::move(capture), {}};
    if (!connection.capture.isOpened() || !connection.capture.read(connection.image) || connection.image.empty())
        throw Error(refusal);
    return connection;
}

}  // namespace

std::unique_ptr<Source> open_camera(int number) {
    const std::string name = "camera " + std::to_string(number);
    const std::string refusal = "no " + name + " can be opened; connect one or close the program that uses it";
    return std::make_unique<LiveSource>(name, [number, refusal] {
        cv::VideoCapture capture(number);
        capture.set(cv::CAP_PROP_BUFFERSIZE, 1);
        return first_frame(std::move(capture), refusal);
    });
}

std::unique_ptr<Source> open_stream(const std::string &address) {
    // Messages must not show a password.
    std::string name = address;
    const auto host = name.find("//") + 2, at = name.find('@', host);
    if (at != std::string::npos && at < name.find('/', host)) name.erase(host, at + 1 - host);
    const std::string refusal = "no video comes from " + name + "; check the address and that this machine reaches it";
    return std::make_unique<LiveSource>(name, [address, name, refusal] {
        cv::VideoCapture capture(address, cv::CAP_FFMPEG,
                                 {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, opening_milliseconds, cv::CAP_PROP_READ_TIMEOUT_MSEC,
                                  stall_milliseconds});
        const double count = capture.isOpened() ? capture.get(cv::CAP_PROP_FRAME_COUNT) : 0;
        if (count >= 1 && count < 1e9) throw Error(name + " is a recording, not a live stream; download it and run the file");
        return first_frame(std::move(capture), refusal);
    });
}

}  // namespace live
