// Which of a region's two states is the background: the one without an edge along its outline, or the one seen longer; as
// drc_runtime/camera/ghosts.py decides.
#pragma once

#include "camera/background.hpp"

namespace drc::detail {

class GhostFinder {
public:
    explicit GhostFinder(double absorb) : absorb_(absorb) {}  // seconds; 0: never

    // Replaces the background where it shows something that is not there any more, or where a thing stays. After
    // OnlineBackground::update, with its arguments.
    void replace(OnlineBackground &background, const Picture &image, const Picture &lit, const Plane &responsibility,
                 double seconds);

private:
    void stand(const Picture &image, const Where &foreground, double seconds);

    double absorb_;
    Picture last_;
    Plane still_;  // seconds for which something of the foreground has stood still
};

}  // namespace drc::detail
