// The first Ctrl-C or SIGTERM ends a run after the current frame; a second one ends the process immediately.
#pragma once

namespace live {

void watch_signals();

// The number of the received signal, or 0.
int signal_received();

}  // namespace live
