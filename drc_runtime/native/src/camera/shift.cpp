#include "camera/shift.hpp"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace drc::detail {
namespace {

constexpr int rounds = 3, border = 3;  // pixels at the edge that are left out: what lies beyond it is not known
constexpr float knee = 12;             // grey levels: residuals above it weigh as their inverse
constexpr double farthest = 4;         // pixels; a camera that has moved farther shows another scene
constexpr double grid = 64;            // of a pixel: what two builds of OpenCV round differently ends at the same shift

Plane smooth(const Picture &picture) {
    Plane result;
    cv::GaussianBlur(grey_plane(picture), result, {}, 1.0);
    return result;
}

Plane without_border(const Plane &sure) {
    Plane inside = sure.clone();
    for (int row = 0; row < inside.rows; ++row)
        for (int column = 0; column < inside.cols; ++column)
            if (std::min({row, column, inside.rows - 1 - row, inside.cols - 1 - column}) < border) inside(row, column) = 0;
    return inside;
}

}  // namespace

Shift find_shift(const Picture &background, const Picture &image, const Plane &sure) {
    const Plane known = smooth(background), seen = smooth(image), inside = without_border(sure);
    double x = 0, y = 0;
    for (int round = 0; round < rounds; ++round) {
        const Plane moved = shifted(known, x, y);
        Plane across, down;
        cv::Sobel(moved, across, CV_32F, 1, 0, 3, 1.0 / 8);
        cv::Sobel(moved, down, CV_32F, 0, 1, 3, 1.0 / 8);
        double a = 1, b = 0, c = 1, p = 0, q = 0;
        each_pixel(moved, [&](int i) {
            const float residual = seen(i) - moved(i), weight = inside(i) / std::max(std::abs(residual), knee);
            const float wx = weight * across(i), wy = weight * down(i);
            a += static_cast<double>(wx * across(i));
            b += static_cast<double>(wx * down(i));
            c += static_cast<double>(wy * down(i));
            p += static_cast<double>(wx * residual);
            q += static_cast<double>(wy * residual);
        });
        const double determinant = a * c - b * b;
        x = std::clamp(x - (c * p - b * q) / determinant, -farthest, farthest);
        y = std::clamp(y - (a * q - b * p) / determinant, -farthest, farthest);
    }
    x = std::nearbyint(grid * x) / grid;
    y = std::nearbyint(grid * y) / grid;
    const Plane moved = shifted(known, x, y);
    double before = 0, after = 0;
    each_pixel(moved, [&](int i) {
        before += static_cast<double>(inside(i) * std::min(std::abs(seen(i) - known(i)), knee));
        after += static_cast<double>(inside(i) * std::min(std::abs(seen(i) - moved(i)), knee));
    });
    return {x, y, after / std::max(before, 1e-6)};
}

}  // namespace drc::detail
