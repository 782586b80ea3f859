// drc-live sample: a picture of what a model has learned to imagine, as drc sample draws it.
#pragma once

namespace live {

// arguments[0] is `sample`. Returns the exit code.
int run_sample(int count, char **arguments);

}  // namespace live
