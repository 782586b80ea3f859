// The window in which a person watches a run, and whether there can be one.
#pragma once

#include <opencv2/core.hpp>

namespace live {

// Whether a window can be opened. To be asked before the process has threads.
bool display_available();

// Shows frames; q, Escape and closing the window end the run. A file is shown no faster than its rate, a still image
// (rate 0) until a key is pressed. Space pauses.
class Window {
public:
    Window(double rate, bool live);
    ~Window();
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    bool show(const cv::Mat &image);  // false: the person wants to stop

private:
    int wait_for_key();
    double rate_;
    bool live_;
    double due_ = 0;
};

}  // namespace live
