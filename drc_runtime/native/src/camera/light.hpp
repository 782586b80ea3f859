// The light of a frame: a gain and an offset for each channel, by robust regression on the background, as
// drc_runtime/camera/light.py finds it.
#pragma once

#include <vector>

#include "camera/pictures.hpp"

namespace drc::detail {

// The fit of the frame before is where the next one starts.
class Light {
public:
    // Least absolute deviations by reweighted least squares. sure: how sure a pixel is background, by the frame before.
    void fit(const Picture &image, const Picture &background, const Plane &sure);

    Picture on(const Picture &background) const;  // under this light, clipped as a camera does

    // frame = gain * background + offset, in grey levels
    const cv::Vec3f &gain() const { return fit_.gain; }
    const cv::Vec3f &offset() const { return fit_.offset; }

private:
    struct Fit {
        cv::Vec3f gain, offset;
        double residual;
    };
    Fit regress(const std::vector<cv::Vec3f> &weight, Fit fit, int rounds) const;

    Fit fit_{{1, 1, 1}, {0, 0, 0}, 0};
    std::vector<cv::Vec3f> x_, y_, weight_, open_;  // every fourth pixel of every fourth row
};

}  // namespace drc::detail
