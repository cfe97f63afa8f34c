// A picture of what an engine answers, in a terminal, live: it is asked and drawn anew at each interval, and keys and
// signals are listened to, until somebody has seen enough. What the picture is, is its owner's business.
//
// Owns:    its GETs. Takes SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH and SIGTSTP while it runs.
// Thread:  the caller's; nothing else waits there.
// Errors:  kUnavailable where the terminal is gone. An engine that does not answer is asked again at every interval,
//          and the picture is told since when it has not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "top/http_get.h"
#include "top/paint.h"
#include "top/terminal.h"

namespace sluice::top {

class LivePicture {
 public:
  LivePicture() = default;
  LivePicture(const LivePicture&) = delete;
  LivePicture& operator=(const LivePicture&) = delete;
  virtual ~LivePicture() = default;

  // Takes an answer; one that is an error counts as none. `follows_silence`: nothing is known of the time since the
  // last one, it may be another engine.
  virtual Result<void> take(const std::string& answer, bool follows_silence) = 0;
  // `trouble`, unless empty: why the picture is not of now.
  virtual std::vector<Line> draw(const std::string& trouble, const TerminalSize& size) const = 0;
};

enum class LiveEnd : std::uint8_t { kQuit, kInterrupted };

// The picture has taken its first answer just before.
Result<LiveEnd> run_live(const HttpSource& source, Duration interval, Look look, Terminal& terminal,
                         LivePicture& picture);

}  // namespace sluice::top
