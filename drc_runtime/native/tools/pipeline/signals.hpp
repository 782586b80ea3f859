// Ctrl-C and SIGTERM end a run in order; a second one ends the process at once.
#pragma once

namespace live {

void watch_signals();

// The signal that was received, or 0.
int signal_received();

}  // namespace live
