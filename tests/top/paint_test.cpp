#include "top/paint.h"

#include <doctest/doctest.h>

namespace sluice::top {
namespace {

const Line kLine = {{"stage ", Style::kStrong}, {"ok ", Style::kGood}, {"bad", Style::kBad}};

TEST_SUITE("top/paint") {
  TEST_CASE("a style is nothing in a file, weight without colour, colour with it") {
    CHECK(paint(kLine, 80, Look::kText) == "stage ok bad");
    CHECK(paint(kLine, 80, Look::kMonochrome) == "\033[1mstage \033[0mok \033[1mbad\033[0m");
    CHECK(paint(kLine, 80, Look::kColour) == "\033[1mstage \033[0m\033[32mok \033[0m\033[1;31mbad\033[0m");
  }

  TEST_CASE("a line that is too long says so in the last column") {
    CHECK(paint(kLine, 12, Look::kText) == "stage ok bad");
    CHECK(paint(kLine, 11, Look::kText) == "stage ok b>");
    CHECK(paint(kLine, 9, Look::kText) == "stage ok>");
    CHECK(paint(kLine, 1, Look::kText) == ">");
    CHECK(paint(kLine, 0, Look::kText) == "");
    CHECK(paint(kLine, 7, Look::kColour) == "\033[1mstage \033[0m\033[32m>\033[0m");
  }

  TEST_CASE("no byte of the text can steer the terminal") {
    CHECK(paint({{"a\033[2Jb\n\r\x7f\x9b\xc3\xa4"}}, 80, Look::kColour) == "a?[2Jb??????");
  }

  TEST_CASE("a screen is drawn over the last one, and never scrolls") {
    const std::vector<Line> lines = {{{"one"}}, {{"two"}}};
    CHECK(paint_screen(lines, 80, 3, Look::kText) == "\033[H\033[Kone\r\n\033[Ktwo\r\n\033[J");
    CHECK(paint_screen(lines, 80, 2, Look::kText) == "\033[H\033[Kone\r\n\033[Ktwo");
    CHECK(paint_screen(lines, 80, 1, Look::kText) == "\033[H\033[Kone");
    CHECK(paint_screen(lines, 80, 0, Look::kText) == "\033[H");
  }

  TEST_CASE("text has no blanks at the ends of lines") {
    CHECK(paint_text({{{"one  "}}, {}, {{"two"}}}, 80) == "one\n\ntwo\n");
  }
}

}  // namespace
}  // namespace sluice::top
