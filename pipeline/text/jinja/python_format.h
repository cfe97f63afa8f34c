// Values as text, as Python's str(), repr() and % show them.
//
// Trust: strings keep theirs, escapes have that of the character they stand for. Brackets, numbers and words such as
// None are the formatter's own and count as trusted: what a client sends can choose among them, but not write them.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/text.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// repr(): the shortest digits that give the same number back, with an exponent below 1e-4 and from 1e16.
std::string float_repr(double number);

// str(value), into `out`. Undefined gives nothing.
void append_str(Run& run, const Value& value, Text& out);
// repr(value): strings in quotes.
void append_repr(Run& run, const Value& value, Text& out);

Text str_of(Run& run, const Value& value);

// `format % arguments`: %s %r %d %i %u %x %X %o %c %e %f %g %%, with flags, width, precision and names.
Value percent_format(Run& run, const Text& format, const Value& arguments);

}  // namespace sluice::jinja
