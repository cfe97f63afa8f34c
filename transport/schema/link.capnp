# The header frame of a link: stands before each message between two actors, as a frame of its own.
# The bodies are in sluice.capnp. transport/link/types.h tells what each field means; all numbers count from 1 within a
# session, 0 is "none", and a field that a kind does not use is 0.
@0xb861bfcf3d782dbe;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("sluice::transport::wire");

const linkVersion :UInt16 = 1;

struct LinkHeader {
  version             @0 :UInt16;   # linkVersion; others are refused.
  kind                @1 :Kind;
  reason              @2 :Reason;   # rejected only.
  senderIncarnation   @3 :UInt64;   # Not 0.
  receiverIncarnation @4 :UInt64;   # 0 in open.
  session             @5 :UInt64;   # 0 in open.
  attempt             @6 :UInt64;   # From 1.
  epoch               @7 :UInt64;   # Of whoever sends this header. From 1.
  sequence            @8 :UInt64;   # data: its number. ping: last number sent. grant: that of the ping it answers.
  received            @9 :UInt64;   # opened, grant: all messages up to here have arrived.
  consumed            @10 :UInt64;  # opened, grant: all up to here were consumed. At most received.
  maxMessages         @11 :UInt64;  # opened, grant: ceiling for the number of the last message.
  maxBytes            @12 :UInt64;  # opened, grant: ceiling in bytes; the last message may overshoot.
  missingLast         @13 :UInt64;  # opened, grant: received + 1 up to here are missing while later ones arrived.
  heldUs              @14 :UInt64;  # data: how long the sender has had the message, in microseconds.

  enum Kind {
    none     @0;
    open     @1;   # Sender to receiver.
    opened   @2;   # Receiver to sender.
    data     @3;   # Sender to receiver; the message's frames follow.
    ping     @4;   # Sender to receiver.
    grant    @5;   # Receiver to sender.
    rejected @6;   # Receiver to sender.
    close    @7;   # Both ways.
  }

  enum Reason {
    none           @0;
    unknownSession @1;
    displaced      @2;
    staleEpoch     @3;
  }
}
