// Watches the camera itself: moved, covered, without colour, lost; each is noticed within a second and answered, as
// drc_runtime/camera/watch.py does.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "camera/background.hpp"
#include "camera/shift.hpp"

namespace drc::detail {

class CameraWatch {
public:
    // Before a frame's E-step; moves the background along with a camera that was moved. lit: the background under the frame's
    // light. sure: how sure a pixel is background. Returns whether `lit` no longer holds: the background has moved, or is to be
    // compared in grey.
    bool look(const Picture &image, const Picture &lit, const Plane &sure, OnlineBackground &background, double seconds);

    // Tells of a sudden change of the light; gain and offset are means of the channels.
    void light(double gain, double offset, double seconds);

    bool adapts() const { return adapts_; }  // whether the M-step may run
    bool grey() const { return grey_; }      // whether the camera shows no colour though the background has some

    std::deque<std::string> notices;  // lines for the user, to be taken away by the caller

private:
    bool follow_shift(const Picture &image, const Picture &lit, const Plane &sure, OnlineBackground &background, double seconds);
    void tell(bool &told, bool now, const char *begins, const char *ends);

    bool adapts_ = true, grey_ = false;
    double dark_ = 0, covered_ = 0, colourless_ = 0, frozen_ = 0, shifted_ = 0;  // seconds
    bool told_dark_ = false, told_covered_ = false, told_grey_ = false, told_frozen_ = false, told_light_ = false;
    std::vector<Shift> shifts_;
    unsigned frames_ = 0;
    std::optional<double> level_;
    Picture last_;
};

}  // namespace drc::detail
