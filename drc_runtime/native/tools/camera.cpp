// Cameras and network streams. Only the latest frame matters; a lost source is opened again, for ever.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <opencv2/videoio.hpp>

#include "backoff.hpp"
#include "problem.hpp"
#include "source.hpp"

namespace live {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int opening_milliseconds = 10'000;
constexpr int stall_milliseconds = 4'500;              // a stream that sends nothing for so long is lost
constexpr std::chrono::seconds well{5};                // a connection that held for so long ends the growth of the waits
constexpr std::chrono::milliseconds look_around{200};  // so that Ctrl-C is noticed while a camera stalls

// An open source and its first frame, without which it does not count as open.
struct Connection {
    cv::VideoCapture capture;
    cv::Mat image;
};

using Connect = std::function<Connection()>;  // throws a Problem

// A thread empties the decoder all the time and leaves the latest frame in one slot. A decoder that ends or stalls is
// replaced by a new one after a wait that grows. Nothing is shown in between: no frame is made up.
class Live : public Source {
public:
    Live(std::string name, Connect connect) : name_(std::move(name)), connect_(std::move(connect)), connection_(connect_()) {
        live = true;
        rate = sensible_rate(connection_.capture.get(cv::CAP_PROP_FPS));
        reader_ = std::thread([this] { receive(); });
    }

    ~Live() override {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        changed_.notify_all();
        reader_.join();
    }

    bool next(Frame &frame) override {
        std::unique_lock lock(mutex_);
        const bool arrived = changed_.wait_for(lock, look_around, [this] { return filled_; });
        dropped = dropped_;
        reconnects = reconnects_;
        state = state_;
        if (!arrived) {
            frame.image.release();
            return true;
        }
        // The slot's memory goes to the caller, whose last frame it takes for the next one.
        cv::swap(frame.image, slot_);
        frame.captured = captured_;
        frame.seconds = std::chrono::duration<double>(captured_ - start_).count();
        frame.name = frame_name(index_);
        filled_ = false;
        return true;
    }

private:
    void receive() {
        Backoff backoff(std::random_device{}());
        while (!is_closed()) {
            const auto begun = Clock::now();
            drain();
            if (Clock::now() - begun > well) backoff.reset();
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
                changed_.notify_all();
            } while (!is_closed() && connection_.capture.read(connection_.image) && !connection_.image.empty());
        } catch (const cv::Exception &) {  // of a frame that is no image, after which nothing can be relied on
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
            } catch (const Problem &) {
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

    // False if the source is closed meanwhile.
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
    Connection connection_;  // of the reader, once it runs
    const Clock::time_point start_ = Clock::now();
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    cv::Mat slot_;
    Clock::time_point captured_;
    long index_ = 0, count_ = 0, dropped_ = 0, reconnects_ = 0;
    std::string state_ = "connecting";
    bool filled_ = false, closed_ = false;
    std::thread reader_;
};

Connection first_frame(cv::VideoCapture capture, const std::string &refusal) {
    Connection connection{std::move(capture), {}};
    if (!connection.capture.isOpened() || !connection.capture.read(connection.image) || connection.image.empty())
        throw Problem(refusal);
    return connection;
}

}  // namespace

std::unique_ptr<Source> open_camera(int number) {
    const std::string name = "camera " + std::to_string(number);
    const std::string refusal = "no " + name + " can be opened; connect one or close the program that uses it";
    return std::make_unique<Live>(name, [number, refusal] {
        cv::VideoCapture capture(number);
        capture.set(cv::CAP_PROP_BUFFERSIZE, 1);
        return first_frame(std::move(capture), refusal);
    });
}

std::unique_ptr<Source> open_stream(const std::string &address) {
    // A password does not belong into a message.
    std::string name = address;
    const auto host = name.find("//") + 2, at = name.find('@', host);
    if (at != std::string::npos && at < name.find('/', host)) name.erase(host, at + 1 - host);
    const std::string refusal = "no video comes from " + name + "; check the address and that this machine reaches it";
    return std::make_unique<Live>(name, [address, name, refusal] {
        cv::VideoCapture capture(address, cv::CAP_FFMPEG,
                                 {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, opening_milliseconds, cv::CAP_PROP_READ_TIMEOUT_MSEC,
                                  stall_milliseconds});
        const double count = capture.isOpened() ? capture.get(cv::CAP_PROP_FRAME_COUNT) : 0;
        if (count >= 1 && count < 1e9) throw Problem(name + " is a recording, not a live stream; download it and run the file");
        return first_frame(std::move(capture), refusal);
    });
}

}  // namespace live
