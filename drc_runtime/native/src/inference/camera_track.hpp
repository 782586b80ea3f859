// Tracking with a model of any fixed camera: the graph gets the camera's background before a frame's chain, and the camera's state
// gets the responsibility after it, as drc_runtime/inference/camera_track.py does (docs/background.md).
#pragma once

#include <optional>
#include <string>

#include "bundle/manifest.hpp"
#include "camera/fixed_camera.hpp"
#include "engines/onnxruntime.hpp"

namespace drc::detail {

class CameraTrack {
public:
    CameraTrack(PosteriorStep &step, const Manifest &manifest, const Adaptation &adaptation);

    void give(double seconds);   // the background for the image in the step's buffers
    void learn(double seconds);  // from the responsibility in the step's buffers

    // Takes away the oldest line on what happened to the camera. Empty if there is none.
    std::string take_notice();

private:
    PosteriorStep &step_;
    Adaptation adaptation_;
    Picture image_;
    Plane responsibility_;
    std::optional<FixedCamera> camera_;
};

}  // namespace drc::detail
