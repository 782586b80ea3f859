#include "camera/ghosts.hpp"

#include <vector>

#include <opencv2/imgproc.hpp>

namespace drc::detail {
namespace {

// As in drc_runtime/camera/ghosts.py, which says why.
constexpr double start_seconds = 1, still_share = 0.8, ghost = 1.5, object = 0.5;
constexpr float still_change = 24, still_seconds = 0.3f, provisional = 10;
constexpr int least_pixels = 4;

Plane edges_of(const Picture &picture) {
    Picture inside(picture.size());
    each_pixel(picture, [&](int i) {
        for (int channel = 0; channel < 3; ++channel) inside(i)[channel] = clip_grey(picture(i)[channel]);
    });
    const Plane grey = grey_plane(inside);
    Plane across, down, result;
    cv::Sobel(grey, across, CV_32F, 1, 0, 3);
    cv::Sobel(grey, down, CV_32F, 0, 1, 3);
    cv::magnitude(across, down, result);
    return result;
}

Where grown(const Where &region) {
    Where result;
    cv::dilate(region, result, Where::ones(3, 3));
    return result;
}

// Compares the edges of frame and background along a region's outline.
class Edges {
public:
    Edges(const Picture &image, const Picture &lit) : image_(image), lit_(lit) {}

    // Mean edge of the background along the outline, divided by that of the frame.
    double ratio(const Where &region) {
        if (frame_.empty()) {
            frame_ = edges_of(image_);
            background_ = edges_of(lit_);
        }
        const Where outer = grown(region);
        Where inner;
        cv::erode(region, inner, Where::ones(3, 3));
        double count = 0, frame = 0, background = 0;
        each_pixel(region, [&](int i) {
            if (outer(i) <= inner(i)) return;
            ++count;
            frame += static_cast<double>(frame_(i));
            background += static_cast<double>(background_(i));
        });
        // no outline, where the region is the whole picture: numpy's mean is then no number, and no comparison holds
        return (background / count + 1) / (frame / count + 1);
    }

private:
    const Picture &image_, &lit_;
    Plane frame_, background_;
};

// Calls `function` with each connected region of `mask` of at least `least` pixels of which at least `share` are `marked`.
template <typename Function>
void each_region(const Where &mask, const Where &marked, int least, double share, Function function) {
    if (cv::countNonZero(mask) == 0) return;
    cv::Mat_<int> labels;
    const int count = cv::connectedComponents(mask, labels, 4, CV_32S);
    std::vector<int> areas(static_cast<std::size_t>(count)), marks(areas);
    each_pixel(mask, [&](int i) {
        const auto label = static_cast<std::size_t>(labels(i));
        ++areas[label];
        marks[label] += mask(i) && marked(i) ? 1 : 0;
    });
    for (int label = 1; label < count; ++label) {
        const auto index = static_cast<std::size_t>(label);
        if (areas[index] < least || marks[index] < share * areas[index]) continue;
        Where region(mask.size());
        each_pixel(mask, [&](int i) { region(i) = labels(i) == label; });
        function(region);
    }
}

}  // namespace

void GhostFinder::replace(OnlineBackground &background, const Picture &image, const Picture &lit, const Plane &responsibility,
                          double seconds) {
    Where foreground(image.size());
    each_pixel(image, [&](int i) { foreground(i) = responsibility(i) > 0.5f; });
    stand(image, foreground, seconds);
    if (background.seconds() < start_seconds || cv::countNonZero(foreground) == 0) return;
    Edges edges(image, lit);
    Picture colour;
    cv::subtract(image, lit, colour);
    cv::add(background.image(), colour, colour);
    Where still(image.size());
    each_pixel(image, [&](int i) { still(i) = still_(i) > still_seconds; });
    each_region(foreground, still, least_pixels, still_share, [&](const Where &region) {
        if (edges.ratio(region) > ghost) background.replace(grown(region), colour);
    });
    const PixelStates &states = background.states();
    const auto absorb = static_cast<float>(absorb_);
    Where longer(image.size());
    each_pixel(image, [&](int i) {
        const float other = states.other_seconds(i), known = states.background_seconds(i);
        const bool more = (other > known && known < provisional && other > static_cast<float>(start_seconds)) ||
                          (absorb > 0 && other > absorb);
        longer(i) = more && foreground(i) && distance(colour(i), states.other(i)) < same_colour;
    });
    each_region(longer, longer, 1, 0, [&](const Where &region) {
        bool absorbed = absorb > 0;
        each_pixel(region, [&](int i) { absorbed = absorbed && !(region(i) && !(states.other_seconds(i) > absorb)); });
        if (absorbed || edges.ratio(region) > object) background.replace(region, colour);
    });
}

void GhostFinder::stand(const Picture &image, const Where &foreground, double seconds) {
    if (last_.empty()) {
        still_ = Plane(image.size(), 0.0f);
    } else {
        each_pixel(image, [&](int i) {
            const bool stands = foreground(i) && !(distance(image(i), last_(i)) > still_change);
            still_(i) = stands ? still_(i) + static_cast<float>(seconds) : 0.0f;
        });
    }
    image.copyTo(last_);
}

}  // namespace drc::detail
