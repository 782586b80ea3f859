// The state of one fixed camera: background, light and scale before a frame's E-step, and the M-step after it, as
// drc_runtime/camera/fixed_camera.py does.
#pragma once

#include "camera/adaptation.hpp"
#include "camera/background.hpp"
#include "camera/ghosts.hpp"
#include "camera/light.hpp"
#include "camera/watch.hpp"

namespace drc::detail {

// Call `look` with a frame, run the E-step with `lit` and the background's scale, and call `learn` with the responsibility.
class FixedCamera {
public:
    FixedCamera(const Picture &first, const Adaptation &adaptation);

    // Estimates the light of a frame, and sees whether the camera has moved. seconds: since the frame before.
    void look(const Picture &image, double seconds);

    // The M-step after the E-step of the last frame. responsibility: of the foreground.
    void learn(const Plane &responsibility, double seconds);

    const Picture &lit() const { return lit_; }  // the background under the light of the last frame
    const OnlineBackground &background() const { return background_; }
    const Light &light() const { return light_; }
    CameraWatch &watch() { return watch_; }

private:
    void light_up(const Picture &image);

    OnlineBackground background_;
    Light light_;
    CameraWatch watch_;
    GhostFinder ghosts_;
    drc_adapt what_;
    Plane sure_;
    Picture image_, lit_;
};

}  // namespace drc::detail
