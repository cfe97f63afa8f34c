// The plain structs of base/messages/pipeline.h, written to and read from those of transport/schema/internal.capnp:
// what link_codec.cpp is made of. The hidden states of StageBatch and PartialResult are not here: they are a frame of
// their own.
//
// Thread:  pure functions.
// Errors:  as in wire_values.h.
#pragma once

#include "base/messages/pipeline.h"
#include "internal.capnp.h"
#include "transport/codec/wire_values.h"

namespace sluice::transport::codec {

// Each chooses the root's union member and fills it.
void write_message(const Submission& submission, wire::LinkMessage::Builder root);
void write_message(const SequenceStart& start, wire::LinkMessage::Builder root);
void write_message(const SequenceCancel& cancel, wire::LinkMessage::Builder root);
void write_message(const StageBatch& batch, wire::LinkMessage::Builder root);
void write_message(const StepResult& result, wire::LinkMessage::Builder root);
void write_message(const StreamOpen& open, wire::LinkMessage::Builder root);
void write_message(const StreamAttach& attach, wire::LinkMessage::Builder root);
void write_message(const StreamCredit& credit, wire::LinkMessage::Builder root);
void write_message(const StreamDetach& detach, wire::LinkMessage::Builder root);
void write_message(const StepTokens& tokens, wire::LinkMessage::Builder root);
void write_message(const StreamEnd& end, wire::LinkMessage::Builder root);
void write_message(const StreamStop& stop, wire::LinkMessage::Builder root);
void write_message(const StreamPause& pause, wire::LinkMessage::Builder root);
void write_message(const ClientAnswers& answers, wire::LinkMessage::Builder root);
void write_message(const StreamReleased& released, wire::LinkMessage::Builder root);
void write_message(const PartialResult& result, wire::LinkMessage::Builder root);
void write_message(const SequenceEnded& ended, wire::LinkMessage::Builder root);

Submission read(const wire::Submission::Reader& reader, Reading& reading);
SequenceStart read(const wire::SequenceStart::Reader& reader, Reading& reading);
SequenceCancel read(const wire::SequenceCancel::Reader& reader, Reading& reading);
StageBatch read(const wire::StageBatch::Reader& reader, Reading& reading);
StepResult read(const wire::StepResult::Reader& reader, Reading& reading);
StreamOpen read(const wire::StreamOpen::Reader& reader, Reading& reading);
StreamAttach read(const wire::StreamAttach::Reader& reader, Reading& reading);
StreamCredit read(const wire::StreamCredit::Reader& reader, Reading& reading);
StreamDetach read(const wire::StreamDetach::Reader& reader, Reading& reading);
StepTokens read(const wire::StepTokens::Reader& reader, Reading& reading);
StreamEnd read(const wire::StreamEnd::Reader& reader, Reading& reading);
StreamStop read(const wire::StreamStop::Reader& reader, Reading& reading);
StreamPause read(const wire::StreamPause::Reader& reader, Reading& reading);
ClientAnswers read(const wire::ClientAnswers::Reader& reader, Reading& reading);
StreamReleased read(const wire::StreamReleased::Reader& reader, Reading& reading);
PartialResult read(const wire::PartialResult::Reader& reader, Reading& reading);
SequenceEnded read(const wire::SequenceEnded::Reader& reader, Reading& reading);

void write(const TimeLeft& left, wire::TimeLeft::Builder builder);
TimeLeft read(const wire::TimeLeft::Reader& reader, Reading& reading);

// What the message takes on the wire, for build_frame(): enough for one segment.
std::size_t message_estimate_bytes(const LinkMessage& message);
std::size_t message_estimate_bytes(const StageBatch& batch);
std::size_t message_estimate_bytes(const StepResult& result);
std::size_t message_estimate_bytes(const StepTokens& tokens);
std::size_t message_estimate_bytes(const ClientAnswers& answers);

}  // namespace sluice::transport::codec
