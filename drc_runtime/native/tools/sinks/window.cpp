#include "sinks/window.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <opencv2/highgui.hpp>

namespace live {
namespace {

constexpr const char *title = "drc-live (space: pause, q: quit)";

double now() { return static_cast<double>(cv::getTickCount()) / cv::getTickFrequency(); }

bool visible() {
    try {
        return cv::getWindowProperty(title, cv::WND_PROP_VISIBLE) >= 1;
    } catch (const cv::Exception &) {  // some window systems throw for a window that was closed
        return false;
    }
}

}  // namespace

bool display_available() {
    if (std::getenv("DISPLAY") == nullptr && std::getenv("WAYLAND_DISPLAY") == nullptr) return false;
    // OpenCV ends the process if it cannot reach the display server, so a child process tries first.
    const pid_t child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, 2);
        alarm(10);
        cv::namedWindow(title);
        _exit(0);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

Window::Window(double rate, bool live) : rate_(rate), live_(live) {
    cv::namedWindow(title, cv::WINDOW_NORMAL | cv::WINDOW_KEEPRATIO);
}

Window::~Window() {
    if (visible()) cv::destroyWindow(title);
}

bool Window::show(const cv::Mat &image) {
    cv::imshow(title, image);
    int key = -1;
    if (live_) {
        key = cv::waitKey(1);
    } else if (rate_ <= 0) {
        key = wait_for_key();
    } else {
        key = cv::waitKey(std::max(1, static_cast<int>((due_ - now()) * 1000)));
        due_ = std::max(due_, now()) + 1 / rate_;
    }
    if (key == ' ' && rate_ > 0) key = wait_for_key();
    return key != 'q' && key != 27 && visible();
}

int Window::wait_for_key() {
    int key = -1;
    while (key < 0 && visible()) key = cv::waitKey(100);
    return key;
}

}  // namespace live
