// The background of a fixed camera: state of the runtime, learned while it runs by online EM, as
// drc_runtime/camera/background.py learns it (docs/background.md).
#pragma once

#include <vector>

#include "camera/pictures.hpp"

namespace drc::detail {

constexpr float same_colour = 30;  // grey levels, channels summed: two colours that are nearer are one state of a pixel

// The two states of each pixel: the background, and what is there instead (a majority vote by Boyer and Moore).
struct PixelStates {
    Picture other;             // the colour that is not the background and was there most
    Plane other_seconds;       // its votes
    Plane background_seconds;  // how long the pixel has shown its background
};

class OnlineBackground {
public:
    explicit OnlineBackground(const Picture &first);

    // Whether the first frames are still being collected, of which the background is the median.
    bool starting() const { return frames_ < start_frames; }

    // One M-step: Eq. 9 with the responsibilities fixed, a step of Robbins and Monro.
    // lit: the background under the frame's light. responsibility: of the foreground. seconds: since the last frame.
    void update(const Picture &image, const Picture &lit, const Plane &responsibility, double seconds);

    void hurry() { age_ = start_frames; }  // learns as fast as at the start for a while
    void move(double x, double y);         // along with a camera that was moved, by pixels
    void replace(const Where &where, const Picture &colour);

    const Picture &image() const { return image_; }
    const Plane &scale() const { return scale_; }  // mean absolute deviation of a channel from the background
    const PixelStates &states() const { return states_; }
    double seconds() const { return seconds_; }  // that it has learned

private:
    static constexpr int start_frames = 25;
    void vote(const Picture &change, const Plane &responsibility, float seconds);
    void take_median();

    Picture image_;
    Plane scale_;
    PixelStates states_;
    std::vector<Picture> first_;
    std::vector<float> values_;  // of one number in all first frames
    double seconds_ = 0;
    int frames_ = 0, age_ = 1;
};

}  // namespace drc::detail
