// The window that shows a run, and whether one can be opened.
#pragma once

#include <opencv2/core.hpp>

namespace live {

// Whether a window can be opened. Forks, so call it before the process has threads.
bool display_available();

// Shows frames. q, Escape and closing the window end the run; space pauses. A file plays at most at its frame rate, and a still
// image (rate 0) stays until a key is pressed.
class Window {
public:
    Window(double rate, bool live);
    ~Window();
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    bool show(const cv::Mat &image);  // false: the user ends the run

private:
    int wait_for_key();
    double rate_;
    bool live_;
    double due_ = 0;
};

}  // namespace live
