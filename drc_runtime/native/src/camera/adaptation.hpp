// How the state of a fixed camera may change while it runs.
#pragma once

#include <drc/drc.h>

namespace drc::detail {

struct Adaptation {
    drc_adapt what = DRC_ADAPT_ALL;
    double absorb = DRC_ABSORB_SECONDS;  // seconds after which a thing that stays becomes background; 0: never
};

}  // namespace drc::detail
